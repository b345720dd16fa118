import { operationKind } from '../operation.ts';
import type { ParameterStore } from '../parameters.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { gradientNorm } from './gradient_norm.ts';

/** How an optimiser changes a value: its kernel, in the language of each backend. */
export interface UpdateKernel {
  readonly name: string;
  /** Planes of state beside the values, each like the parameters, zero at the start. Bindings of the kernel have these names. */
  readonly planes: readonly string[];
  /** WGSL that follows shaders/update.wgsl: the planes, and `fn updated(i: u32, value: f32, gradient: f32, lr: f32) -> f32`. */
  readonly wgsl: string;
  /** AssemblyScript that follows engine/cpu/kernels/update.ts: a class of arguments with the planes and `updated`, and one kernel. */
  readonly assembly: string;
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

/**
 * Records clipping and one update of every parameter in the store.
 *
 * @param hyper f32 [HYPER_SIZE], written from `encodeStep`
 * @param stats f32 [STATS_SIZE]; the norm before clipping goes to NORM_SLOT
 */
export function update(
  tape: Tape,
  store: ParameterStore,
  kernel: UpdateKernel,
  { hyper, stats }: { hyper: Tensor; stats: Tensor },
): void {
  const ranges = store.ranges();
  gradientNorm(
    tape,
    hyper,
    stats,
    ranges.map(({ gradients }) => gradients),
  );
  for (const { values, gradients, previous, state, rateScale } of ranges)
    tape.append(updateKind, { hyper, stats, gradients, values, previous, state }, { kernel, rateScale });
}
