import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** stats[NORM] = the global norm of all gradients over the step's tokens; stats[SCALE] = what an update multiplies gradients by: step.ts. */
export const gradientNormKind = operationKind<
  { hyper: Tensor; stats: Tensor; gradients: readonly Tensor[] },
  null
>('gradient_norm');

/**
 * Records the global norm and the scale of clipping.
 *
 * @param hyper f32 [HYPER_SIZE], written from `encodeStep`
 * @param stats f32 [STATS_SIZE]
 */
export function gradientNorm(tape: Tape, hyper: Tensor, stats: Tensor, gradients: readonly Tensor[]): void {
  tape.append(gradientNormKind, { hyper, stats, gradients }, null);
}
