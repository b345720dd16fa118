/**
 * ROUGE-L as Google's rouge-score computes it, without stemming: the longest common subsequence of words, as the harmonic mean of its share of
 * the answer and its share of the expected answer. A word is a run of the letters a to z and digits, ignoring capitals.
 */
import { TEXT } from './parts/text.ts';
import { meanScore, type TextScorer } from './scorer.ts';

const NOT_WORDS = /[^a-z0-9]+/;

/** The words as rouge-score takes them, without stemming. */
export const rougeWords = (text: string): string[] =>
  text
    .toLowerCase()
    .split(NOT_WORDS)
    .filter((word) => word !== '');

export const rougeL = {
  ...TEXT,
  name: 'rouge-l',
  label: 'ROUGE-L',
  heading: 'ROUGE-L',
  help: 'The longest run of common words in order, gaps allowed, as rouge-score counts it. Words are letters a to z and digits, and a reference without any has no score.',
  entry: {
    title: 'ROUGE-L',
    what: 'How far the answer has the words of the reference in the same order, with others between them or not. It is the mean over all rows of a number from 0 (no word in common) to 1 (the same words). Only the letters a to z and digits count, so rows in other scripts have no score.',
    more: 'Closer in wording and order.',
    less: 'Other words, or another order, which may mean the same.',
    start: 'For summaries and other answers of a sentence or more. For labels, exactly right says more.',
    source: 'Lin, ROUGE, 2004, aclanthology.org/W04-1013',
    also: 'rouge summary summarisation longest common subsequence overlap',
  },
  usual: true,
  format: (value: number) => value.toFixed(2),
  applies: (expected: string) => rougeWords(expected).length > 0,
  normalise: (text: string) => rougeWords(text).join(' '),
  score(answer: string, expected: string) {
    const [given, wanted] = [rougeWords(answer), rougeWords(expected)];
    const common = longestCommon(given, wanted);
    return common === 0 ? 0 : (2 * common) / (given.length + wanted.length);
  },
  aggregate: meanScore,
} as const satisfies TextScorer;

/** The length of the longest common subsequence; time by the product of both lengths, memory by the second. */
function longestCommon(first: readonly string[], second: readonly string[]): number {
  let row = new Uint32Array(second.length + 1);
  for (const word of first) {
    const next = new Uint32Array(second.length + 1);
    for (let at = 0; at < second.length; at++)
      next[at + 1] = word === second[at] ? row[at] + 1 : Math.max(row[at + 1], next[at]);
    row = next;
  }
  return row[second.length];
}
