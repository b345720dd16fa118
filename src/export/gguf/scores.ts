/**
 * Merges of a sentencepiece BPE as scores of its pieces. llama.cpp joins the two neighbours whose piece has the best score; the merges say the same if
 * all ways to make a piece follow one another, and none is left out. The reverse is weights/gguf/scores.ts.
 */
import { TOKEN_TYPE } from '../../weights/gguf/vocabulary.ts';

interface Pieces {
  readonly tokens: readonly string[];
  /** `tokenizer.ggml.token_type` of each. */
  readonly types: readonly number[];
  readonly merges: readonly (readonly [left: string, right: string])[];
}

/** A score for each token, or undefined if no scores give these merges. */
export function scoresOfMerges({ tokens, types, merges }: Pieces): number[] | undefined {
  const normal = new Set(tokens.filter((_, id) => types[id] === TOKEN_TYPE.NORMAL));
  const places = new Map<string, number>();
  const ways = new Map<string, number>();
  let before: string | undefined;
  for (const [left, right] of merges) {
    const piece = left + right;
    // Added tokens are matched before anything is joined.
    if (!normal.has(piece)) continue;
    if (piece !== before && places.has(piece)) return undefined;
    if (!places.has(piece)) places.set(piece, places.size);
    ways.set(piece, (ways.get(piece) ?? 0) + 1);
    before = piece;
  }
  for (const piece of normal) {
    const chars = Array.from(piece);
    let possible = 0;
    let left = '';
    for (const char of chars.slice(0, -1)) {
      left += char;
      if (normal.has(left) && normal.has(piece.slice(left.length))) possible++;
    }
    if (possible > (ways.get(piece) ?? 0)) return undefined;
  }
  // Single characters come last, as sentencepiece has them.
  let last = places.size;
  return tokens.map((token) => {
    const place = places.get(token);
    if (place !== undefined) return place === 0 ? 0 : -place;
    return normal.has(token) ? -last++ : 0;
  });
}
