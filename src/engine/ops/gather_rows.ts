import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** y[r] (+)= x[rows[r]], or zero for NO_ROW. */
export const gatherRowsKind = operationKind<{ x: Tensor; rows: Tensor; y: Tensor }, { accumulate: boolean }>(
  'gather_rows',
);

/** Marks a row without a source: zero in the result. */
export const NO_ROW = 0xffffffff;

/**
 * Picks rows of x [M, C]; the result is [R, C].
 *
 * @param rows u32 [R], no row twice; NO_ROW gives zeros
 * @param inverse u32 [M], where each row of x went, NO_ROW for those left out; needed for a gradient
 * @throws Error when the backward is recorded, if x has a gradient and `inverse` is missing
 */
export function gatherRows(tape: Tape, x: Tensor, rows: Tensor, inverse?: Tensor): Tensor {
  const y = tape.tensor([rows.size, x.columns], x.dtype, `rows of ${x.label}`);
  tape.append(gatherRowsKind, { x, rows, y }, { accumulate: false });
  tape.record([y], [x], () => {
    if (!inverse) throw new Error('The gradient of gatherRows needs the inverse map');
    const dy = tape.gradient(y);
    tape.addGradient(x, (dx, accumulate) =>
      tape.append(gatherRowsKind, { x: dy, rows: inverse, y: dx }, { accumulate }),
    );
  });
  return y;
}
