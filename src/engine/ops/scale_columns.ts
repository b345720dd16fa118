import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { columnSumInto } from './column_sum.ts';

/** y [M, N] = x · s (/ d) (+ bias) (+ residual), s, d and bias f32 [N]. */
export const scaleColumnsKind = operationKind<
  { x: Tensor; s: Tensor; d?: Tensor; bias?: Tensor; residual?: Tensor; y: Tensor },
  null
>('scale_columns');
/** dx (+)= dy · s (/ d). */
export const scaleColumnsBackward = operationKind<
  { s: Tensor; d?: Tensor; dy: Tensor; dx: Tensor },
  { accumulate: boolean }
>('scale_columns.backward');
/** ds += the sum over the rows of dy · x (/ d). */
export const scaleColumnsFactor = operationKind<{ x: Tensor; d?: Tensor; dy: Tensor; ds: Tensor }, null>(
  'scale_columns.factor',
);

interface ScaleColumnsOptions {
  /** f32 [N]: divides each column. A constant: no gradient goes through it. */
  divisor?: Tensor;
  /** f32 [N], added to every row. */
  bias?: Tensor;
  /** Added to the result: [M, N]. */
  residual?: Tensor;
}

/**
 * Each column of x [M, N] times its factor s, f32 [N], with the options' extras; the result is [M, N] in the type of x.
 *
 * @throws Error if a vector does not have N elements, or the residual another size than x
 */
export function scaleColumns(
  tape: Tape,
  x: Tensor,
  s: Tensor,
  { divisor: d, bias, residual }: ScaleColumnsOptions = {},
): Tensor {
  const y = tape.tensor(x.shape, x.dtype, `${x.label} scaled`);
  const lengths = [s, d, bias].filter((vector) => vector !== undefined).map(({ size }) => size);
  if (lengths.some((size) => size !== x.columns) || (residual && residual.size !== x.size))
    throw new Error(`${y.label}: sizes differ`);
  tape.append(scaleColumnsKind, { x, s, d, bias, residual, y }, null);
  tape.record([y], [x, s, bias, residual], () => {
    const dy = tape.gradient(y);
    if (residual) tape.passGradient(residual, dy);
    if (bias) tape.addGradient(bias, (db) => columnSumInto(tape, dy, db));
    tape.addGradient(s, (ds) => tape.append(scaleColumnsFactor, { x, d, dy, ds }, null));
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(scaleColumnsBackward, { s, d, dy, dx }, { accumulate }),
    );
  });
  return y;
}
