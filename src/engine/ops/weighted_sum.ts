import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** y (+)= weight · x, in f32. */
export const scaledKind = operationKind<{ x: Tensor; y: Tensor }, { weight: number; accumulate: boolean }>(
  'scaled',
);

/** A loss and its share of the whole. */
interface WeightedLoss {
  /** f32, of the same size as the others. */
  readonly loss: Tensor;
  readonly weight: number;
}

/**
 * Σ weight · loss: a loss made of losses. If its own gradient is a known number, so are theirs.
 *
 * @returns f32, in the shape of the first loss
 * @throws Error for no terms, or terms that are not f32 of one size
 */
export function weightedSum(tape: Tape, terms: readonly WeightedLoss[]): Tensor {
  if (terms.length === 0) throw new Error('A sum of losses needs one');
  const y = tape.tensor(terms[0].loss.shape, 'f32', 'sum of losses');
  terms.forEach(({ loss, weight }, index) => {
    if (loss.size !== y.size || loss.dtype !== 'f32') throw new Error(`${loss.label}: sizes or types differ`);
    tape.append(scaledKind, { x: loss, y }, { weight, accumulate: index > 0 });
  });
  tape.record(
    [y],
    terms.map(({ loss }) => loss),
    () => {
      const factor = tape.factor(y);
      for (const { loss, weight } of terms) {
        if (factor !== undefined) {
          tape.passFactor(loss, factor * weight);
          continue;
        }
        const dy = tape.gradient(y);
        tape.addGradient(loss, (target, accumulate) =>
          tape.append(scaledKind, { x: dy, y: target }, { weight, accumulate }),
        );
      }
    },
  );
  return y;
}
