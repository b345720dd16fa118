import { embedding } from '../../engine/ops/embedding.ts';
import type { LowRank } from '../../engine/ops/linear.ts';
import { matmul } from '../../engine/ops/matmul.ts';
import { rowNormInto } from '../../engine/ops/row_norm.ts';
import type { Tape } from '../../engine/tape.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { HookContext } from '../kind.ts';

/** Numbers of a weight that are in memory at once, next to the low-rank product: 16 MiB. */
const CHUNK = 4 * 2 ** 20;
/** Chunks have a multiple of this many rows, so that each starts where a binding may. */
const ROWS = 64;

/**
 * The length of each row of W + s · B · A, f32 [N], without a gradient. W may be in blocks or in shards; its rows are converted to numbers chunk by
 * chunk.
 */
export function adaptedNorms(
  tape: Tape,
  weight: Tensor,
  { a, b, scale }: LowRank,
  { rowIds }: Pick<HookContext, 'rowIds'>,
): Tensor {
  const norms = tape.tensor([weight.rows], 'f32', `${weight.label} norms`);
  const step = Math.max(ROWS, Math.floor(CHUNK / weight.columns / ROWS) * ROWS);
  for (let first = 0; first < weight.rows; first += step) {
    const count = Math.min(step, weight.rows - first);
    const rows = embedding(tape, rowIds(first, count), weight, { dtype: 'f32' });
    matmul(tape, { a: b.slice(first, count), b: a, layout: 'NN', c: rows, scale, accumulate: true });
    rowNormInto(tape, rows, norms.sliceColumns(first, count));
  }
  return norms;
}
