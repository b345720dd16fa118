import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';
import { scaledKind } from './weighted_sum.ts';

/** total[slot] −= Σ weights[r] · x[r] for each of the slots, two at most. */
export const weightedRowsKind = operationKind<
  { x: Tensor; weights: Tensor; total: Tensor },
  { readonly slots: readonly [number, number] }
>('weighted_rows');

/**
 * The loss −Σ weights · x over rows, such as a mean of cross-entropies whose denominator the host knows. It is added to the first slot of the
 * statistics and to a second one, which is reported.
 *
 * @param x f32 [R], log-probabilities
 * @param weights f32 [R], which the host writes; 0 for rows that do not count
 * @param total f32, uploaded
 * @param slots where it is added
 * @returns the loss, in the memory and shape of `total`
 * @throws Error when the backward is recorded, if the gradient of the loss is not a known number
 */
export function weightedRows(
  tape: Tape,
  { x, weights, total }: Record<'x' | 'weights' | 'total', Tensor>,
  slots: readonly [number, number],
): Tensor {
  tape.append(weightedRowsKind, { x, weights, total }, { slots });
  const loss = new Tensor(total.storage, total.shape, total.dtype, total.offset);
  tape.record([loss], [x], () => {
    const scale = tape.factor(loss);
    if (scale === undefined) throw new Error('The gradient of a weighted loss must be a known number');
    tape.addGradient(x, (target, accumulate) =>
      tape.append(scaledKind, { x: weights, y: target }, { weight: -scale, accumulate }),
    );
  });
  return loss;
}
