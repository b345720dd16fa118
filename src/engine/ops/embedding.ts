import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { DType, Tensor } from '../tensor.ts';

/** x [M, C] = scale · w[ids]; w may be quantised or in shards. */
export const embeddingKind = operationKind<{ ids: Tensor; w: Tensor; x: Tensor }, { scale: number }>(
  'embedding',
);
/** dw[id] += scale · Σ dx over the places of id, which `chain` links. dw may be in shards. */
export const embeddingBackward = operationKind<
  { ids: Tensor; chain: Tensor; dx: Tensor; dw: Tensor },
  { scale: number }
>('embedding.backward');

interface EmbeddingOptions {
  /** Type of the result. */
  dtype: DType;
  /** Every row is multiplied by this: √C for Gemma. */
  scale?: number;
  /** Occurrences of each id, from `linkOccurrences`; needed if the weight is trained. */
  chain?: Tensor;
}

/**
 * Rows of w [V, C], numbers or blocks, by ids u32 [M]; the result is [M, C].
 *
 * @throws Error when the backward is recorded, if w is trained and `chain` is missing
 */
export function embedding(
  tape: Tape,
  ids: Tensor,
  w: Tensor,
  { dtype, scale = 1, chain }: EmbeddingOptions,
): Tensor {
  const x = tape.tensor([ids.size, w.columns], dtype, 'embedded');
  tape.append(embeddingKind, { ids, w, x }, { scale });

  tape.record([x], [w], () => {
    if (!chain) throw new Error('Training an embedding needs the chain of occurrences');
    const dx = tape.gradient(x);
    tape.addGradient(w, (dw) => tape.append(embeddingBackward, { ids, chain, dx, dw }, { scale }));
  });
  return x;
}

/**
 * Ids from here on are no tokens of the vocabulary, but the vectors that an adapter puts before every sequence, in order. A lookup skips ids that its
 * table does not have, so the lookup in the vocabulary leaves their rows to another.
 */
export const FIRST_VIRTUAL = 2 ** 30;

const NONE = 0xffffffff;

/** For each position: (1 if its id occurs here first, the next position with the same id or 2³² − 1). u32 [M, 2]. */
export function linkOccurrences(ids: Uint32Array): Uint32Array<ArrayBuffer> {
  const chain = new Uint32Array(ids.length * 2);
  const last = new Map<number, number>();
  ids.forEach((id, m) => {
    const before = last.get(id);
    if (before === undefined) chain[m * 2] = 1;
    else chain[before * 2 + 1] = m;
    chain[m * 2 + 1] = NONE;
    last.set(id, m);
  });
  return chain;
}
