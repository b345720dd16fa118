import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import type { Routing } from './routing.ts';

/** y[s, :] (+)= weights[rows[s]] · x[s, :]. */
export const scaleRowsKind = operationKind<
  { x: Tensor; weights: Tensor; rows: Tensor; y: Tensor },
  { accumulate: boolean }
>('scale_rows');

/** dweights[rows[s]] (+)= Σ_f dy[s, f] · x[s, f]. */
export const scaleRowsBackward = operationKind<
  { x: Tensor; dy: Tensor; rows: Tensor; dweights: Tensor },
  { accumulate: boolean }
>('scale_rows.backward');

/** Multiplies each row of x [M · k, F], sorted by expert, by the weight of its choice: [M · k, F]. */
export function scaleRows(tape: Tape, x: Tensor, { weights, rows }: Routing): Tensor {
  const y = tape.tensor(x.shape, x.dtype, `weighted ${x.label}`);
  tape.append(scaleRowsKind, { x, weights, rows, y }, { accumulate: false });
  tape.record([y], [x, weights], () => {
    const dy = tape.gradient(y);
    tape.addGradient(weights, (dweights, accumulate) =>
      tape.append(scaleRowsBackward, { x, dy, rows, dweights }, { accumulate }),
    );
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(scaleRowsKind, { x: dy, weights, rows, y: dx }, { accumulate }),
    );
  });
  return y;
}
