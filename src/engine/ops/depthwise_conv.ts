import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { columnSumInto } from './column_sum.ts';
import { NO_ROW } from './gather_rows.ts';

/** y[m, c] = Σ over k < L of w[c, L − 1 − k] · x[the k-th token before m, c] (+ bias[c]). */
export const depthwiseConvKind = operationKind<
  { x: Tensor; w: Tensor; bias?: Tensor; previous: Tensor; state?: Tensor; y: Tensor },
  null
>('depthwise_conv');
/** dx[m] (+)= Σ over k of w[:, L − 1 − k] · the sum of dy over the tokens whose k-th token before them is m. */
export const depthwiseConvBackward = operationKind<
  { w: Tensor; following: Tensor; dy: Tensor; dx: Tensor },
  { accumulate: boolean }
>('depthwise_conv.backward');
/** dw[c, L − 1 − k] += Σ over m of dy[m, c] · x[the k-th token before m, c]. */
export const depthwiseConvWeight = operationKind<
  { x: Tensor; previous: Tensor; dy: Tensor; dw: Tensor },
  null
>('depthwise_conv.weight');

interface DepthwiseConvOptions {
  /** f32 [C, L]: the filter of each channel; its last number is for the token itself, as torch's Conv1d has it. */
  readonly w: Tensor;
  /** f32 [C]. */
  readonly bias?: Tensor;
  /**
   * u32 [M, L − 1]: the rows of the 1st, 2nd … token before each. From M on they are rows of `state`, and NO_ROW is before the beginning of a sequence: a
   * zero. So sequences lie in any order, and a token may be before several others.
   */
  readonly previous: Tensor;
  /** u32 [M, L − 1, 2], from {@link linkFollowing}; needed for a gradient. */
  readonly following?: Tensor;
  /** [N, C] in the type of x: inputs of earlier replays. They have no gradient. */
  readonly state?: Tensor;
}

/**
 * A causal convolution of each channel over the tokens of its sequence. x [M, C] in any float type, tokens in any order; the result has the shape and type of x.
 *
 * @throws Error if sizes do not fit, and when the backward is recorded if x has a gradient and `following` is missing
 */
export function depthwiseConv(tape: Tape, x: Tensor, options: DepthwiseConvOptions): Tensor {
  const { w, bias, previous, following, state } = options;
  const [M, C, L] = [x.rows, x.columns, w.columns];
  const fits =
    w.size === C * L &&
    previous.size === M * (L - 1) &&
    (!following || following.size === 2 * previous.size) &&
    (!bias || bias.size === C) &&
    (!state || (state.columns === C && state.dtype === x.dtype));
  if (L < 2 || !fits) throw new Error(`depthwiseConv: [${x.shape}] with a filter [${w.shape}]`);
  const y = tape.tensor(x.shape, x.dtype, `convolution of ${x.label}`);
  tape.append(depthwiseConvKind, { x, w, bias, previous, state, y }, null);
  tape.record([y], [x, w, bias], () => {
    const dy = tape.gradient(y);
    if (bias) tape.addGradient(bias, (db) => columnSumInto(tape, dy, db));
    tape.addGradient(w, (dw) => tape.append(depthwiseConvWeight, { x, previous, dy, dw }, null));
    tape.addGradient(x, (dx, accumulate) => {
      if (!following) throw new Error('The gradient of depthwiseConv needs the following tokens');
      tape.append(depthwiseConvBackward, { w, following, dy, dx }, { accumulate });
    });
  });
  return y;
}

/**
 * The other way round: the tokens after each. They are lists, since a token may be before several others.
 *
 * @param previous u32 [M, K]: the rows of the tokens before each, or NO_ROW
 * @returns u32 [M, K, 2]: the first token whose k-th token before it this is; the next token with the same k-th token before it as this; NO_ROW for none
 */
export function linkFollowing(previous: Uint32Array, K: number): Uint32Array<ArrayBuffer> {
  const following = new Uint32Array(previous.length * 2).fill(NO_ROW);
  // From the end, so that each list is in ascending order.
  for (let at = previous.length - 1; at >= 0; at--) {
    if (previous[at] === NO_ROW) continue;
    const k = at % K;
    const head = (previous[at] * K + k) * 2;
    following[at * 2 + 1] = following[head];
    following[head] = Math.floor(at / K);
  }
  return following;
}
