/** The glossary: every setting and every word, the plain meaning first, what more and less of it does, where to start, and who says so. */
import { ADAPTER } from './terms/adapter.ts';
import { ANSWER } from './terms/answer.ts';
import { IDEA } from './terms/idea.ts';
import { MEASURE } from './terms/measure.ts';
import { ROWS } from './terms/rows.ts';
import { RUN } from './terms/run.ts';
import type { Chapter, Term } from './terms/term.ts';

export const CHAPTERS: readonly Chapter[] = [IDEA, ROWS, ADAPTER, RUN, MEASURE, ANSWER];

const plain = (text: string): string =>
  text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]+/gu, ' ');

/** Whether every word of the search starts a word of the entry. */
export function matches(term: Term, name: string, wanted: string): boolean {
  return matchesWords([name, term.id, term.also ?? '', term.what], wanted);
}

/** Whether every word of the search starts a word of these texts. */
export function matchesWords(texts: readonly string[], wanted: string): boolean {
  const words = plain(wanted).split(' ').filter(Boolean);
  const entry = ` ${plain(texts.join(' '))}`;
  return words.every((word) => entry.includes(` ${word}`));
}
