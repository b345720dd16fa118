import { operationKind, type Roles } from '../operation.ts';
import type { ParameterSpec, ParameterStore, StoredParameter } from '../parameters.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { gradientNorm } from './gradient_norm.ts';
import { matmul, type MatmulOptions } from './matmul.ts';
import { ownKernel, type OwnAttributes, type OwnKernels } from './own_kernel.ts';
import { rowNormInto } from './row_norm.ts';

/**
 * How an optimiser changes a value by its own gradient and state. Its WGSL follows shaders/update.wgsl, with the planes and
 * `fn updated(i: u32, value: f32, gradient: f32, lr: f32) -> f32`; its AssemblyScript follows engine/cpu/kernels/update.ts, with a class of arguments that
 * has the planes and `updated`, and a kernel of this name.
 */
export interface UpdateKernel extends OwnKernels {
  /** Planes of state that it reads and writes, each like the parameters, zero at the start. Bindings of the kernel have these names. */
  readonly planes: readonly string[];
}

/** values = updated(values, gradients · stats[SCALE]), state with it; previous = the values before. */
export const updateKind = operationKind<
  {
    hyper: Tensor;
    stats: Tensor;
    gradients: Tensor;
    values: Tensor;
    previous: Tensor;
    state: readonly Tensor[];
  },
  { kernel: UpdateKernel; rateScale: number }
>('update');

/** What an optimiser records an update with, after the norm of all gradients. */
export interface UpdateGraph {
  /** f32 [HYPER_SIZE], as `encodeStep` writes it. */
  readonly hyper: Tensor;
  /** f32 [STATS_SIZE]: the factor of the gradients is in SCALE_SLOT, and 0 if nothing may be updated. */
  readonly stats: Tensor;
  /** The update of every parameter that has all planes of a kernel, element by element. */
  elements(kernel: UpdateKernel): void;
  /** The parameters for which this holds. Those that lie in several buffers are left out: they are no matrix for a device. */
  parameters(holds: (spec: ParameterSpec) => boolean): readonly StoredParameter[];
  /** f32, for the time of the update. */
  tensor(shape: readonly number[], label: string): Tensor;
  matmul(options: MatmulOptions): Tensor;
  /** y [rows] = the length of each row of x. */
  rowNorms(x: Tensor, y: Tensor): void;
  kernel(tensors: Roles, attributes: OwnAttributes): void;
}

/**
 * Records clipping and one update of every parameter in the store.
 *
 * @param record records what the optimiser does
 * @param hyper f32 [HYPER_SIZE], written from `encodeStep`
 * @param stats f32 [STATS_SIZE]; the norm before clipping goes to NORM_SLOT
 * @throws Error as `matmul` and `rowNormInto`, if `record` gives them tensors that do not fit
 */
export function update(
  tape: Tape,
  store: ParameterStore,
  record: (graph: UpdateGraph) => void,
  { hyper, stats }: { hyper: Tensor; stats: Tensor },
): void {
  const ranges = store.ranges();
  gradientNorm(
    tape,
    hyper,
    stats,
    ranges.map(({ gradients }) => gradients),
  );
  record({
    hyper,
    stats,
    elements(kernel) {
      for (const { values, gradients, previous, state: all, rateScale } of ranges) {
        if (!kernel.planes.every((plane) => all.has(plane))) continue;
        const state = kernel.planes.map((plane) => all.get(plane)!);
        tape.append(updateKind, { hyper, stats, gradients, values, previous, state }, { kernel, rateScale });
      }
    },
    parameters: (holds) => store.parameters().filter(({ spec }) => holds(spec)),
    tensor: (shape, label) => tape.tensor(shape, 'f32', label),
    matmul: (options) => matmul(tape, options),
    rowNorms: (x, y) => rowNormInto(tape, x, y),
    kernel: (tensors, attributes) => ownKernel(tape, tensors, attributes),
  });
}
