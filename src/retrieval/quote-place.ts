/** Where the words of a quote stand in a text. */

/** A longer quote is no quote. */
const MAX_QUOTE_CHARS = 2000;
const OUTER_MARKS =
  /^[\s"'\u201c\u201d\u2018\u2019\u00ab\u00bb*_]+|[\s"'\u201c\u201d\u2018\u2019\u00ab\u00bb*_]+$/gu;
const SPECIAL = /[\\^$.*+?()[\]{}|/]/gu;

export interface QuotePlace {
  readonly start: number;
  readonly end: number;
  /** The words as the text has them. */
  readonly text: string;
}

/** The first place of the words; white space, capitals and quotation marks around them do not count. @returns undefined if they are not there */
export function placeOfQuote(text: string, quote: string): QuotePlace | undefined {
  const words = quote
    .replaceAll(OUTER_MARKS, '')
    .split(/\s+/u)
    .filter((word) => word !== '');
  if (words.length === 0 || quote.length > MAX_QUOTE_CHARS) return undefined;
  const found = new RegExp(words.map((word) => word.replaceAll(SPECIAL, '\\$&')).join('\\s+'), 'iu').exec(
    text,
  );
  return found ? { start: found.index, end: found.index + found[0].length, text: found[0] } : undefined;
}
