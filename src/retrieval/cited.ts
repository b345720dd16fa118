/** What an answer says of its passages: the marks [1] in it, its quotes, whether it refuses, and whether its words are theirs. */
import { bm25Words } from './bm25.ts';

/** Shorter texts in quotation marks are names and terms. */
const MIN_QUOTE_WORDS = 3;
/** A longer text between two quotation marks is two quotes with a text between them. */
const MAX_QUOTE_CHARS = 1000;
const QUOTE = new RegExp(
  `["\\u201c\\u201e\\u00ab]([^"\\u201c\\u201d\\u201e\\u00ab\\u00bb\\n]{1,${MAX_QUOTE_CHARS}})["\\u201c\\u201d\\u00bb]`,
  'gu',
);
const OPENING = /["\u201c\u201e\u00ab]/u;
const MARK = /\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]/gu;
/** What a quote leaves out. */
const ELLIPSIS = /\[?(?:\u2026|\.\.\.)\]?/u;
const REFUSES = /\bdocuments? (?:do not|does not|don t|doesn t) say\b/;

export interface Quote {
  /** The place of its words in the answer, without the quotation marks. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** The number of the first passage that holds it, from 1; null if none does. */
  readonly passage: number | null;
}

export interface Cited {
  /** Numbers of passages that the answer names, each once, in its order. */
  readonly cited: readonly number[];
  /** Numbers that it names and no passage has. */
  readonly unknown: readonly number[];
  readonly quotes: readonly Quote[];
  readonly refused: boolean;
}

interface Passage {
  readonly text: string;
}

/** @param passages in the order of their numbers */
export function readAnswer(answer: string, passages: readonly Passage[]): Cited {
  const numbers = [
    ...new Set(
      [...answer.matchAll(MARK)].flatMap(([, list]) => list.split(/[,;]/).map((number) => Number(number))),
    ),
  ];
  const isKnown = (number: number): boolean => number >= 1 && number <= passages.length;
  return {
    cited: numbers.filter(isKnown),
    unknown: numbers.filter((number) => !isKnown(number)),
    quotes: quotesOf(answer, passages),
    refused: isRefusal(answer),
  };
}

/** Whether a text says that the documents do not say, perhaps with other words around it. */
export const isRefusal = (text: string): boolean => REFUSES.test(bm25Words(text).join(' '));

function quotesOf(answer: string, passages: readonly Passage[]): Quote[] {
  const texts = passages.map(({ text }) => spaced(text));
  return [...answer.matchAll(QUOTE)].flatMap(({ 0: whole, 1: text, index }): Quote[] => {
    if (bm25Words(text).length < MIN_QUOTE_WORDS) return [];
    const parts = text
      .split(ELLIPSIS)
      .map(spaced)
      .filter((part) => part !== '  ');
    const at = texts.findIndex((passage) => parts.every((part) => passage.includes(part)));
    const start = index + whole.indexOf(text);
    return [{ start, end: start + text.length, text, passage: at < 0 ? null : at + 1 }];
  });
}

/** The words of a text with a space around each: capitals, punctuation and line ends make no other quote. */
const spaced = (text: string): string => ` ${bm25Words(text).join(' ')} `;

const NOT_FOUND = ' (not in the passages)';

/** The answer with a note after each quote that no passage holds. */
export function markQuotes(answer: string, passages: readonly Passage[]): string {
  let [marked, done] = ['', 0];
  for (const { end, passage } of quotesOf(answer, passages)) {
    // Behind the closing quotation mark.
    marked += answer.slice(done, end + 1) + (passage === null ? NOT_FOUND : '');
    done = end + 1;
  }
  return marked + answer.slice(done);
}

/** {@link markQuotes} of an answer that comes in pieces: a quote is withheld until it ends. */
export class MarkedStream {
  #answer = '';
  #given = 0;

  constructor(private readonly passages: readonly Passage[]) {}

  /** Adds a piece of the answer. @returns the text that is certain by now */
  push(piece: string): string {
    this.#answer += piece;
    return this.#take(openQuote(this.#answer));
  }

  /** Ends the answer. @returns the text that was withheld */
  end(): string {
    return this.#take(this.#answer.length);
  }

  #take(until: number): string {
    const marked = markQuotes(this.#answer.slice(0, until), this.passages);
    const piece = marked.slice(this.#given);
    this.#given = Math.max(this.#given, marked.length);
    return piece;
  }
}

/** Where a quote starts that may still end; the end of the text if there is none. */
function openQuote(text: string): number {
  let done = 0;
  for (const { 0: quote, index } of text.matchAll(QUOTE)) done = index + quote.length;
  const opening = text.slice(done).search(OPENING);
  if (opening < 0) return text.length;
  const rest = text.slice(done + opening);
  return rest.includes('\n') || rest.length > MAX_QUOTE_CHARS ? text.length : done + opening;
}

/** The share of an answer's words that its passages must have. */
const FROM_PASSAGES = 0.8;
/** Words that every text has. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  'a an and are as at be by for from has have in is it its of on or that the this to was were will with'.split(
    ' ',
  ),
);

/**
 * Whether an answer is taken from its passages: at least four of five of its words are in them, marks [1] and the commonest words aside
 * (knowledge precision: Adlakha et al. 2023, arXiv:2307.16877). An answer without words is not.
 */
export function isFromPassages(answer: string, passages: readonly Passage[]): boolean {
  const words = bm25Words(answer.replaceAll(MARK, ' ')).filter((word) => !STOP_WORDS.has(word));
  const known = new Set(passages.flatMap(({ text }) => bm25Words(text)));
  return words.length > 0 && words.filter((word) => known.has(word)).length >= FROM_PASSAGES * words.length;
}
