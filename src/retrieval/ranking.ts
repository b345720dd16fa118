/** Rankings of chunks by score. */

export interface Ranked {
  /** The place of a chunk in the index, from 0. */
  readonly chunk: number;
  readonly score: number;
}

/** Ways to rank chunks: by the meaning of their vectors, by their words, or by both lists. */
export const SEARCH_METHODS = ['cosine', 'bm25', 'rrf'] as const;
export type SearchMethod = (typeof SEARCH_METHODS)[number];

/** Which chunks are ranked. */
export type Allowed = (chunk: number) => boolean;

/**
 * The chunks with the highest scores, best first; of equal ones the earlier first. Takes time linear in the scores for a small `most`.
 *
 * @param scores of all chunks; NaN is not ranked
 * @param max chunks at most
 */
export function bestRanked(scores: Float64Array, max: number, allowed: Allowed = () => true): Ranked[] {
  const best: Ranked[] = [];
  if (max < 1) return best;
  let min = -Infinity;
  for (let chunk = 0; chunk < scores.length; chunk++) {
    const score = scores[chunk];
    // An equal score after a full list is of a later chunk.
    if (!(best.length < max ? score >= -Infinity : score > min) || !allowed(chunk)) continue;
    if (best.length === max) best.pop();
    best.splice(placeOf(score, best), 0, { chunk, score });
    min = best[best.length - 1].score;
  }
  return best;
}

/** Behind the last of at least the same score. */
function placeOf(score: number, best: readonly Ranked[]): number {
  let [low, high] = [0, best.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (best[middle].score >= score) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Ranks that count in {@link fuse}. */
export const FUSED_RANKS = 100;
/** Keeps the first ranks from outweighing all others (Cormack et al. 2009). */
const RANK_OFFSET = 60;

/**
 * Reciprocal rank fusion: the sum of 1 / (60 + rank) over the lists that hold a chunk among their first hundred, rank from 1.
 *
 * @param lists best first
 * @param chunks of the index
 */
export function fuse(lists: readonly (readonly Ranked[])[], chunks: number, max: number): Ranked[] {
  const scores = new Float64Array(chunks).fill(NaN);
  for (const list of lists)
    list.slice(0, FUSED_RANKS).forEach(({ chunk }, at) => {
      const before = Number.isNaN(scores[chunk]) ? 0 : scores[chunk];
      scores[chunk] = before + 1 / (RANK_OFFSET + at + 1);
    });
  return bestRanked(scores, max);
}
