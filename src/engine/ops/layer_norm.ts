import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { columnSumInto } from './column_sum.ts';

/** y = (x − mean) / σ · w + b; stats f32 [M, 2] = mean and 1/σ of each row. */
export const layerNormKind = operationKind<
  { x: Tensor; w: Tensor; b: Tensor; y: Tensor; stats: Tensor },
  { eps: number }
>('layer_norm');
/** dw += Σ over rows of dy · (x − mean) / σ. */
export const layerNormWeight = operationKind<
  { x: Tensor; stats: Tensor; dy: Tensor; dw: Tensor },
  { eps: number }
>('layer_norm.weight');
/** dx (+)= the gradient of each row. */
export const layerNormBackward = operationKind<
  { x: Tensor; w: Tensor; stats: Tensor; dy: Tensor; dx: Tensor },
  { eps: number; accumulate: boolean }
>('layer_norm.backward');

/**
 * y = (x − mean) / σ · w + b, over the last dimension (Ba and others, 2016). x [M, C] in any float type, w and b [C] f32; y has the shape and type of x.
 *
 * @throws Error unless w and b have C elements
 */
export function layerNorm(
  tape: Tape,
  x: Tensor,
  { w, b, eps }: { w: Tensor; b: Tensor; eps: number },
): Tensor {
  const C = x.columns;
  if (w.size !== C || b.size !== C)
    throw new Error(`layerNorm: [${x.shape}] with a weight [${w.shape}] and a bias [${b.shape}]`);
  const y = tape.tensor(x.shape, x.dtype, `norm of ${x.label}`);
  const stats = tape.tensor([x.rows, 2], 'f32', `mean and 1/σ of ${x.label}`);
  tape.append(layerNormKind, { x, w, b, y, stats }, { eps });

  tape.record([y], [x, w, b], () => {
    const dy = tape.gradient(y);
    tape.addGradient(w, (dw) => tape.append(layerNormWeight, { x, stats, dy, dw }, { eps }));
    tape.addGradient(b, (db) => columnSumInto(tape, dy, db));
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(layerNormBackward, { x, w, stats, dy, dx }, { eps, accumulate }),
    );
  });
  return y;
}
