/** Which lines of a text file a row comes from. */
import type { Tokenizer } from '../text/tokenizer.ts';

/** The first and the last line, from 1. */
export type LineRange = readonly [first: number, last: number];

/** Stands for a token that shows nothing: white space, or a special token. */
const NO_LINE = 0;

/** Counts line breaks token by token; what a token shows is looked up once. */
export class TokenLines {
  readonly #known = new Map<number, { readonly breaks: number; readonly isBlank: boolean }>();

  constructor(private readonly tokenizer: Tokenizer) {}

  /** The line of each token. @param first line of the text */
  of(ids: readonly number[], first: number): number[] {
    let line = first;
    return ids.map((id) => {
      const { breaks, isBlank } = this.#look(id);
      const own = isBlank ? NO_LINE : line;
      line += breaks;
      return own;
    });
  }

  #look(id: number): { readonly breaks: number; readonly isBlank: boolean } {
    let found = this.#known.get(id);
    if (!found) {
      const text = this.tokenizer.isSpecial(id) ? '' : this.tokenizer.decode([id]);
      found = { breaks: text.split('\n').length - 1, isBlank: text.trim() === '' };
      this.#known.set(id, found);
    }
    return found;
  }
}

/** The lines of a row's tokens, as {@link TokenLines} gives them; undefined if it shows nothing. */
export function rangeOf(lines: readonly number[]): LineRange | undefined {
  const first = lines.find((line) => line !== NO_LINE);
  const last = lines.findLast((line) => line !== NO_LINE);
  return first === undefined || last === undefined ? undefined : [first, last];
}
