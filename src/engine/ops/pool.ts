import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { matmul } from './matmul.ts';

/**
 * One row for each sequence: y [S, C] = weights · x, f32. What a sequence's vector is made of is data: 1/n at each of its n rows for their mean,
 * 1 at one of them to pick it.
 *
 * @param x [M, C] in any float type
 * @param weights f32 [S, M], which the host writes
 * @throws Error as `matmul`
 */
export function pool(tape: Tape, x: Tensor, weights: Tensor): Tensor {
  const y = matmul(tape, {
    a: weights,
    b: x,
    layout: 'NN',
    c: tape.tensor([weights.rows, x.columns], 'f32', `pooled ${x.label}`),
  });
  tape.record([y], [x], () => {
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) =>
      matmul(tape, { a: weights, b: dy, layout: 'TN', c: dx, accumulate }),
    );
  });
  return y;
}
