import { GraftError } from '../errors.ts';
import type { Target } from '../engine/target.ts';

/** A person's choice: `auto` is half precision on a GPU that has it. Software adapters emulate it, which is slower. */
export type Precision = 'f32' | 'f16' | 'auto';

/**
 * The type of frozen weights and of activations. Sums, adapters and optimiser state are f32 in any case.
 *
 * @throws GraftError `precision-f16` if f16 is asked for and the adapter lacks `shader-f16`
 */
export function resolvePrecision(precision: Precision, target: Target): 'f32' | 'f16' {
  if (precision === 'f16' && !target.features.f16) {
    throw new GraftError(
      'precision-f16',
      'This adapter has no half-precision arithmetic (shader-f16).',
      'Choose f32 or auto.',
    );
  }
  if (precision !== 'auto') return precision;
  return target.features.f16 && !target.software ? 'f16' : 'f32';
}
