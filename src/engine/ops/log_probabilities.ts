import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { addWeightGradient } from './overlaid_rows.ts';

/** y [R, L] = log softmax(x · wᵀ) at each label of each row, 0 if there is none; in chunks of rows. */
export const logProbabilitiesKind = operationKind<{ x: Tensor; w: Tensor; labels: Tensor; y: Tensor }, null>(
  'log_probabilities',
);

/**
 * dx (+)= sign · Σ weights · d y / d x and dw (+)= the same for w. `weights` f32 [R], or [1] for all rows. The chunks of logits are computed again.
 */
export const logProbabilitiesBackward = operationKind<
  { x: Tensor; w: Tensor; labels: Tensor; weights: Tensor; dx?: Tensor; dw?: Tensor },
  { sign: 1 | -1; accumulate: boolean; accumulateWeight: boolean }
>('log_probabilities.backward');

/**
 * The log-probability of each row's label under softmax(x · wᵀ), without ever having all logits in memory: rows go through the head in chunks, in the
 * backward again. Preference and reinforcement objectives are made of it.
 *
 * @param x [R, C]
 * @param w the head [V, C]
 * @param labels u32 [R] or [R, L]; NO_LABEL gives 0, and no gradient. A row without a first label has none
 * @param kept whether the host may read them after a replay
 * @returns f32 like labels
 * @throws Error if rows have several labels and a gradient is needed
 */
export function logProbabilities(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  labels: Tensor,
  { kept = false } = {},
): Tensor {
  const make = kept ? tape.pinned : tape.tensor;
  const y = make.call(tape, labels.shape, 'f32', 'log-probabilities');
  tape.append(logProbabilitiesKind, { x, w, labels, y }, null);
  tape.record([y], [x, w], () => {
    if (labels.size !== x.rows)
      throw new Error('The log-probabilities of several labels a row have no gradient');
    logProbabilityBackward(tape, { x, w, labels, weights: tape.gradient(y), sign: 1 });
  });
  return y;
}

/** Records the gradients of x and w for weights that the tape computes. */
export function logProbabilityBackward(
  tape: Tape,
  { sign, ...tensors }: { x: Tensor; w: Tensor; labels: Tensor; weights: Tensor; sign: 1 | -1 },
): void {
  const { x, w } = tensors;
  const weight: { dw?: Tensor; accumulateWeight: boolean } = { accumulateWeight: false };
  addWeightGradient(tape, w, (dw, accumulateWeight) => Object.assign(weight, { dw, accumulateWeight }));
  const { dw, accumulateWeight } = weight;
  const append = (dx: Tensor | undefined, accumulate: boolean): void => {
    tape.append(logProbabilitiesBackward, { ...tensors, dx, dw }, { sign, accumulate, accumulateWeight });
  };
  if (x.requiresGrad) tape.addGradient(x, append);
  else if (dw) append(undefined, false);
}
