/**
 * A matrix with a run of rows replaced or appended.
 *
 *   W' = [W₀ … W₍f₋₁₎, T₀ … T₍t₋₁₎, W₍f₊t₎ …]
 *
 * W stays where it is, as numbers, in blocks or in shards. From the last shard boundary before the first replaced row on (shards.ts), rows are copied
 * to an f32 tensor of their own, which every replay fills anew: they are few, and products with W' are those of a matrix in shards. A gradient of W'
 * is one of that tensor, and of T.
 */
import { firstRows, SHARD_ROWS, ShardedTensor } from '../shards.ts';
import type { GradientWriter, Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { embedding, embeddingBackward, embeddingKind } from './embedding.ts';

/** Rows of a table, by the ids from `first` on. */
interface Overlay {
  /** f32 [t, C]. */
  readonly table: Tensor;
  readonly first: number;
}

/** The row of W' at which that tensor starts. */
export const firstOverlaid = (first: number): number => Math.floor(first / SHARD_ROWS) * SHARD_ROWS;

/** A table as rows from `first` on of a larger one. */
function rowsFrom(table: Tensor, first: number): Tensor {
  return new ShardedTensor(table.label, table.shape, table.dtype, [{ firstRow: first, tensor: table }]);
}

/**
 * Overwrites the rows of x [M, C] whose ids belong to a table.
 *
 * @param ids u32 [M]
 * @param chain occurrences of each id, from `linkOccurrences`: u32 [M, 2]; needed if the table is trained
 * @throws Error when the backward is recorded, if the table is trained and `chain` is missing
 */
export function overlayEmbedded(
  tape: Tape,
  { x, ids, chain }: { readonly x: Tensor; readonly ids: Tensor; readonly chain?: Tensor },
  { table, first }: Overlay,
  scale = 1,
): void {
  tape.append(embeddingKind, { ids, w: rowsFrom(table, first), x }, { scale });
  tape.record([x], [table], () => {
    if (!chain) throw new Error(`Training ${table.label} needs the chain of occurrences`);
    const dx = tape.gradient(x);
    tape.addGradient(table, (dw) =>
      tape.append(embeddingBackward, { ids, chain, dx, dw: rowsFrom(dw, first) }, { scale }),
    );
  });
}

/**
 * W' of W [V, C]. Only the table can be trained, not W.
 *
 * @param ids u32 [n]: from `firstOverlaid` to the last row of W'
 * @param chain their occurrences: each occurs once
 * @returns [max(V, first + t), C]
 * @throws Error when the backward is recorded, if W is trained
 */
export function overlaidRows(
  tape: Tape,
  w: Tensor,
  overlay: Overlay,
  { ids, chain }: { readonly ids: Tensor; readonly chain: Tensor },
): Tensor {
  const start = firstOverlaid(overlay.first);
  const rows = embedding(tape, ids, w, { dtype: 'f32' });
  overlayEmbedded(tape, { x: rows, ids, chain }, overlay);
  if (start === 0) return rows;
  const all = new ShardedTensor(w.label, [start + ids.size, w.columns], w.dtype, [
    ...firstRows(w, start),
    { firstRow: start, tensor: rows },
  ]);
  all.requiresGrad = rows.requiresGrad;
  return all;
}

/** Adds to the gradient of a weight, or of its trained rows only. */
export function addWeightGradient(tape: Tape, w: Tensor, write: GradientWriter): void {
  const learned =
    w instanceof ShardedTensor && !w.gradient
      ? w.shards.find(({ tensor }) => tensor.requiresGrad)
      : undefined;
  if (!learned) {
    tape.addGradient(w, write);
    return;
  }
  tape.addGradient(learned.tensor, (gradient, accumulate) =>
    write(
      new ShardedTensor(`d ${w.label}`, w.shape, 'f32', [{ firstRow: learned.firstRow, tensor: gradient }]),
      accumulate,
    ),
  );
}
