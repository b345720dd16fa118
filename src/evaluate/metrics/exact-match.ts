/** Whether an answer is the expected one, ignoring white space at both ends. */
import { percent } from '../../numbers.ts';
import { proportion } from '../proportion.ts';
import type { AnswerMetric } from './metric.ts';

export const exactMatch = {
  name: 'exact-match',
  heading: 'exactly right',
  help: 'share of answers that are the expected one to the letter, white space at the ends aside',
  entry: {
    title: 'Exactly right (exact match)',
    what: 'The answer is the expected one to the letter, white space at the ends aside. Right for labels, numbers and JSON; too strict for prose.',
    source: 'Rajpurkar et al., SQuAD, 2016, arXiv:1606.05250',
    also: 'accuracy em',
  },
  better: 'higher',
  binary: true,
  format: percent,
  of: 'answers',
  applies: () => true,
  normalise: (text: string) => text.trim(),
  score: (answer: string, expected: string) => (answer === expected ? 1 : 0),
  aggregate(scores: readonly number[]) {
    const { count, total, fraction, interval } = proportion(
      scores.filter((score) => score === 1).length,
      scores.length,
    );
    return { value: fraction, share: { count, total, interval } };
  },
} as const satisfies AnswerMetric;

/** Equal except for white space at both ends. */
export const isExactMatch = (answer: string, expected: string): boolean =>
  exactMatch.score(exactMatch.normalise(answer), exactMatch.normalise(expected)) === 1;
