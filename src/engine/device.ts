/**
 * The seam between what is computed and what computes it. A device is an opened backend: it lowers a tape's operations to its own commands,
 * gives them memory, and runs them. Backends: webgpu/ (WGSL on a GPU), cpu/ (WebAssembly
 * on the processor) and dry-run/ (sizes alone, for the planner).
 */
import type { GraftError } from '../errors.ts';
import type { Lowering } from './lowering.ts';
import type { Plan } from './plan.ts';
import type { Pool } from './pool.ts';
import type { Profile } from './profile.ts';
import type { StagingRing } from './staging.ts';
import type { Tape } from './tape.ts';
import type { Target } from './target.ts';
import type { DType, Tensor } from './tensor.ts';

/** Names the processor in reports and as the key of stored measurements. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Whether it says that it runs on the processor. Some browsers give no name, so that nothing else shows it. */
  readonly fallback?: boolean;
}

/** Called while kernels are compiled: `done` of `total`. */
export type CompileProgress = (done: number, total: number) => void;

/** Facts about a device that computes on the processor. */
export interface Processor {
  readonly threads: number;
  /** Whether its kernels use relaxed SIMD. */
  readonly relaxed: boolean;
}

export interface Device extends Target {
  readonly adapter: AdapterDescription;
  /** Only the CPU engine has it. */
  readonly processor?: Processor;
  /** How tapes are lowered here. */
  readonly lowering: Lowering;
  /** Bytes of all memory that exists now. */
  readonly allocatedBytes: number;
  /** The most bytes that existed at once since the device was opened, or since `resetPeak`. */
  readonly peakBytes: number;
  /** The largest piece of memory that was made. */
  readonly largestBuffer: { readonly label: string; readonly bytes: number };
  /** The failure that ended this device, if one did. */
  readonly failure: GraftError | undefined;

  resetPeak(): void;
  /** Calls `listener` once if the device fails; returns a function that stops listening. */
  onFailure(listener: (error: GraftError) => void): () => void;
  /** @throws GraftError if the device has failed */
  check(): void;
  /** Waits until everything submitted has run. @throws GraftError as `check` */
  settle(): Promise<void>;
  /** Waits while the device has more than about a second of submitted work before it. @throws GraftError as `check` */
  catchUp(): Promise<void>;
  /** Ends the device. Its memory is gone with it. */
  close(): void;

  /**
   * A tensor of this shape outside any plan, filled with `data` or zeros.
   *
   * @throws GraftError `engine-out-of-memory` or `engine-buffer-size`, and as `check`
   */
  upload(shape: readonly number[], dtype: DType, label: string, data?: ArrayBufferView<ArrayBuffer>): Tensor;
  /** Frees a tensor made by `upload`, or all shards of one, after everything submitted has run. */
  free(tensor: Tensor): void;
  /** Writes host data to an uploaded tensor, from byte `offset` of it on, in order with the plans that run. @throws Error if it is not on the device */
  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>, offset?: number): void;
  /**
   * Copies an uploaded tensor to the host. Awaits the device: not for use inside a step.
   *
   * @throws Error if the tensor is not on the device; GraftError as `check`
   */
  read(tensor: Tensor): Promise<ArrayBuffer>;
  /** Copies uploaded tensors on the device, in order with the plans that run. @throws Error if one is not on the device */
  copy(pairs: readonly { readonly from: Tensor; readonly to: Tensor }[]): void;

  /** Memory for the slots of plans that never run at the same time. */
  createPool(): Pool;
  /** Small staging buffers, through which results are read while the next steps run. `what` is read, for labels. */
  createStaging(bytes: number, what: string): StagingRing;
  /**
   * Compiles a tape.
   *
   * @throws GraftError `engine-binding-size`, `engine-dispatch-size`, `engine-buffer-size`, `engine-shader`, and as `check`
   */
  compile(tape: Tape, pool: Pool): Promise<Plan>;
  /** Compiles the kernels that several tapes need, under one count of progress: plans of them find their kernels ready. */
  prepare(tapes: readonly Tape[], onProgress: CompileProgress): Promise<void>;

  /**
   * Measures plans that run one after the other, such as gradients and update of a training step. Median of `runs` for each command. The commands
   * really run, more than once, so do not use what they write afterwards.
   */
  profile(plans: readonly Plan[], options?: ProfileOptions): Promise<Profile>;
  /** Replays only the matrix products of a plan, in its order. Awaits nothing. */
  replayMatmuls(plan: Plan): void;
}

export interface ProfileOptions {
  readonly runs?: number;
  /** Whether the device's own clock may be used, if it has one. */
  readonly timestamps?: boolean;
}

/** Readbacks go through memory of at most this size. */
export const READBACK_BYTES = 16 * 2 ** 20;
