/** Tokens of words, remembered: a text has few different ones. */
import type { Tokenizer } from '../text/tokenizer.ts';

/** Longer runs hardly occur twice. */
const MAX_CHARS = 64;
/** Some tens of megabytes. */
const MAX_RUNS = 1 << 18;

/** Counts the tokens of runs without space, special tokens not counted. The function throws what `Tokenizer.encode` throws. */
export function tokenCounter(tokenizer: Pick<Tokenizer, 'encode'>): (run: string) => number {
  const known = new Map<string, number>();
  return (run) => {
    const before = known.get(run);
    if (before !== undefined) return before;
    const tokens = tokenizer.encode(run).length;
    if (known.size >= MAX_RUNS) known.clear();
    if (run.length <= MAX_CHARS) known.set(run, tokens);
    return tokens;
  };
}
