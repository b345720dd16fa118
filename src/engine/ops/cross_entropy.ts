import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';
import { logProbabilityBackward } from './log_probabilities.ts';
import { addWeightGradient } from './overlaid_rows.ts';

/** Marks a row without a label. */
export const NO_LABEL = 0xffffffff;

interface CrossEntropyTensors extends Readonly<Record<string, Tensor | undefined>> {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly labels: Tensor;
  readonly sum: Tensor;
  /** Only without a gradient, which takes the place of the logits. */
  readonly right?: Tensor | undefined;
  /** Set when the backward is recorded, if the gradient of the loss is a known number. */
  dx?: Tensor;
  dw?: Tensor;
}

interface CrossEntropyAttributes {
  /** Whether the loss is added to `sum` or replaces it. */
  readonly accumulate: boolean;
  /** Factor of both gradients. */
  scale: number;
  /** Whether the first chunk's gradient of w is added to dw or replaces it. */
  accumulateWeight: boolean;
}

/**
 * sum (+)= Σ cross-entropy of x · wᵀ against labels, in chunks of rows; with dx and dw, dx = scale · its gradient and dw (+)= scale · its gradient.
 * right += the number of rows whose label has the largest logit.
 */
export const crossEntropyKind = operationKind<CrossEntropyTensors, CrossEntropyAttributes>(
  'linear_cross_entropy',
);

/**
 * The summed cross-entropy of x · wᵀ against labels, without ever having all logits in memory: rows go through the head in chunks. Where its gradient
 * is a number that is known when the backward is recorded (1 for the loss that is minimised, a weight in a sum of losses), each chunk's gradient is
 * taken at once (as in Liger's fused linear cross-entropy); where it is computed, the backward makes the chunks again.
 *
 * @param x [R, C], the supervised rows only
 * @param w the head [V, C]
 * @param labels u32 [R]; NO_LABEL for padding
 * @param total f32 [1], uploaded; the loss is added to it. Left out, the loss is a tensor of its own
 * @param right f32 [1], uploaded; the number of rows is added to it whose label has the largest logit, the first of equal ones. Not with a gradient
 * @returns the loss, to be given to `tape.backward` or into a sum of losses
 */
export function linearCrossEntropy(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  labels: Tensor,
  total?: Tensor,
  right?: Tensor,
): Tensor {
  const sum = total ?? tape.tensor([1], 'f32', 'loss');
  const operation = tape.append(
    crossEntropyKind,
    { x, w, labels, sum, right } as CrossEntropyTensors,
    { accumulate: total !== undefined, scale: 1, accumulateWeight: true } as CrossEntropyAttributes,
  );
  const loss = new Tensor(sum.storage, sum.shape, sum.dtype, sum.offset);
  tape.record([loss], [x, w], () => {
    const scale = tape.factor(loss);
    if (scale === undefined) {
      logProbabilityBackward(tape, { x, w, labels, weights: tape.gradient(loss), sign: -1 });
      return;
    }
    operation.attributes.scale = scale;
    addWeightGradient(tape, w, (dw, accumulate) => {
      operation.tensors.dw = dw;
      operation.attributes.accumulateWeight = accumulate;
    });
    if (!x.requiresGrad) return;
    const dx = tape.tensor(x.shape, x.dtype, `d ${x.label}`);
    operation.tensors.dx = dx;
    tape.passGradient(x, dx);
  });
  return loss;
}
