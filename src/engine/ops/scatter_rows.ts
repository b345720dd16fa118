import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** goal[rows[m]] = source[m], converted; a row beyond the goal's is skipped. */
export const scatterRowsKind = operationKind<{ source: Tensor; rows: Tensor; goal: Tensor }, null>(
  'scatter_rows',
);

/**
 * target[rows[m], :] = source[m, :], converted to the target's type; for caches, so without a gradient. source [M, C], target [T, C],
 * rows u32 [M] without repetition; a row ≥ T is padding and is skipped.
 *
 * @throws Error if the columns differ, or unless there is one row number for each row of `source`
 */
export function scatterRows(tape: Tape, source: Tensor, target: Tensor, rows: Tensor): void {
  if (target.columns !== source.columns || rows.size !== source.rows)
    throw new Error(`scatterRows: [${source.shape}] with ${rows.size} rows does not fit [${target.shape}]`);
  tape.append(scatterRowsKind, { source, rows, goal: target }, null);
}
