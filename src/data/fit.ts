/** How well the open model's vocabulary fits the open rows: a word that takes many tokens was rare in its training. */
import type { Tokenizer } from '../text/tokenizer.ts';
import { isUsedEntry, type RowSet } from './row-set.ts';

/** How well a model's vocabulary fits rows. */
export interface RowFit {
  /** Tokens that a word takes: a mean over the different words, since one that stands in every row is soon learned. */
  readonly tokensPerWord: number;
}

/** The number of examined rows, evenly spread. */
const ROWS = 200;
/** A space before a word may be a token of its own. */
const tokensOf = (word: string, tokenizer: Tokenizer): number =>
  [...tokenizer.encode(` ${word}`)].filter((id) => tokenizer.decode([id]).trim() !== '').length;

/** @returns undefined if no row has a word */
export function fitOf({ entries }: Pick<RowSet, 'entries'>, tokenizer: Tokenizer): RowFit | undefined {
  const places = entries.filter(isUsedEntry);
  const step = Math.max(1, Math.floor(places.length / ROWS));
  const words = new Set<string>();
  for (let at = 0; at < places.length; at += step) {
    const ids = places[at].row.ids.filter((id) => !tokenizer.isSpecial(id));
    for (const word of tokenizer.decode(ids).match(/[\p{L}\p{N}]+/gu) ?? []) words.add(word);
  }
  if (words.size === 0) return undefined;
  const tokens = [...words].reduce((sum, word) => sum + tokensOf(word, tokenizer), 0);
  return { tokensPerWord: tokens / words.size };
}
