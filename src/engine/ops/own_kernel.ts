/**
 * Kernels that an optimiser, an objective or an adapter brings, in the language of each backend. Most follow a kernel of the engine (update.ts,
 * pair_loss.ts). One that stands for itself is recorded here: over the elements of tensors that have the names of its bindings.
 */
import { operationKind, type Roles } from '../operation.ts';
import type { Tape } from '../tape.ts';

/** The source of a kernel for each backend: WGSL, and AssemblyScript for the CPU engine. Kernels have one name in both. */
interface Kernels {
  readonly webgpu: string;
  readonly cpu: string;
}

/** A file of kernels, all with the same parameters. */
export interface OwnKernels {
  readonly name: string;
  readonly kernels: Kernels;
}

export interface OwnAttributes {
  readonly file: OwnKernels;
  /** Which kernel of the file. */
  readonly kernel: string;
  /** Its parameters by name, besides `size`. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Elements: 256 for a workgroup of 64 threads, a unit each on the CPU. */
  readonly size: number;
}

export const ownKernelKind = operationKind<Roles, OwnAttributes>('own_kernel');

/** Records a kernel of a contribution, without a gradient of its own. @param tensors by the names of its bindings */
export function ownKernel(tape: Tape, tensors: Roles, attributes: OwnAttributes): void {
  tape.append(ownKernelKind, tensors, attributes);
}
