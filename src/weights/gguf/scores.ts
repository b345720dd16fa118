/** Sentencepiece's BPE has no merges: of two neighbours, those are joined whose piece has the best score. As merges, best first. */
import { TOKEN_TYPE, type Vocabulary } from './vocabulary.ts';

/** A longer piece could be made of two parts in too many ways. The longest in use (Gemma) have 48 characters. */
const MAX_PIECE_CHARS = 256;

interface Merge {
  readonly pair: [left: string, right: string];
  readonly score: number;
  /** Lengths of left and right, in code points. */
  readonly left: number;
  readonly right: number;
}

/**
 * The order is transformers' (`generate_merges` of tokenization_utils_sentencepiece.py): score, then length of the left part, then of the right,
 * longest first; equal ones by piece, then by id of the parts.
 *
 * @param scores by id
 */
export function mergesOfScores(
  { ids, types }: Vocabulary,
  scores: readonly number[],
): [left: string, right: string][] {
  const joinable: readonly number[] = [TOKEN_TYPE.NORMAL, TOKEN_TYPE.USER_DEFINED];
  const merges: Merge[] = [];
  for (const [piece, id] of ids) {
    if (!joinable.includes(types[id]) || piece.length > MAX_PIECE_CHARS) continue;
    const chars = Array.from(piece);
    const ways: Merge[] = [];
    let at = 0;
    for (let i = 1; i < chars.length; i++) {
      at += chars[i - 1].length;
      const pair: [string, string] = [piece.slice(0, at), piece.slice(at)];
      if (ids.has(pair[0]) && ids.has(pair[1]))
        ways.push({ pair, score: scores[id], left: i, right: chars.length - i });
    }
    const [l, r] = [0, 1];
    ways.sort(
      (a, b) => ids.get(a.pair[l])! - ids.get(b.pair[l])! || ids.get(a.pair[r])! - ids.get(b.pair[r])!,
    );
    merges.push(...ways);
  }
  return merges
    .sort((a, b) => b.score - a.score || b.left - a.left || b.right - a.right)
    .map(({ pair }) => pair);
}
