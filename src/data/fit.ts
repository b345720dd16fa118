/** How well the open model's vocabulary fits the open rows: a word that takes many tokens was rare in its training. */
import type { Tokenizer } from '../text/tokenizer.ts';
import { isUsedEntry, type RowSet } from './row-set.ts';

/** How well a model's vocabulary fits rows. */
export interface RowFit {
  /** Tokens that a word takes, those of punctuation aside. */
  readonly tokensPerWord: number;
}

/** The number of examined rows, evenly spread. */
const ROWS = 200;
const PUNCTUATION = /^[\p{P}\p{S}\s]+$/u;

/** @returns undefined where no row has a word */
export function fitOf({ entries }: Pick<RowSet, 'entries'>, tokenizer: Tokenizer): RowFit | undefined {
  const places = entries.filter(isUsedEntry);
  const step = Math.max(1, Math.floor(places.length / ROWS));
  let [words, tokens] = [0, 0];
  for (let at = 0; at < places.length; at += step) {
    const ids = places[at].row.ids.filter((id) => !tokenizer.isSpecial(id));
    // Tokens of punctuation, as in JSON, say nothing about the words.
    tokens += ids.filter((id) => !PUNCTUATION.test(tokenizer.decode([id]))).length;
    words += tokenizer.decode(ids).match(/[\p{L}\p{N}]+/gu)?.length ?? 0;
  }
  return words === 0 ? undefined : { tokensPerWord: tokens / words };
}
