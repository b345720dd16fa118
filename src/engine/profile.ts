/** Where the time of plans goes, by kernel: `Device.profile`. */

interface KernelTime {
  /** Kernel and entry point; of a matrix product also its layout and M×N×K. */
  readonly kernel: string;
  readonly matmul: boolean;
  readonly dispatches: number;
  /** The time of all its dispatches in one run. */
  readonly seconds: number;
}

export interface Profile {
  /** `timestamps`, or each kernel measured `alone`. */
  readonly method: 'timestamps' | 'alone';
  /** Sum over the kernels. */
  readonly seconds: number;
  /** The most expensive first. */
  readonly kernels: readonly KernelTime[];
}
