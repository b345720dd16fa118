/** Whether an answer is the expected one, ignoring white space at both ends. */
import { percent } from '../numbers.ts';
import { EXACT_MATCH, shareOf } from './parts/share.ts';
import { TEXT } from './parts/text.ts';
import type { TextScorer } from './scorer.ts';

export const exactMatch = {
  ...TEXT,
  name: EXACT_MATCH,
  label: 'Exactly right',
  heading: 'exactly right',
  help: '1 if the answer is the reference to the letter, ignoring white space at the ends.',
  entry: {
    title: 'Exactly right (exact match)',
    what: 'The answer is the expected one to the letter, ignoring white space at the ends. Right for labels, numbers and JSON; too strict for prose.',
    source: 'Rajpurkar et al., SQuAD, 2016, arXiv:1606.05250',
    also: 'accuracy em',
  },
  usual: true,
  binary: true,
  format: percent,
  applies: () => true,
  normalise: (text: string) => text.trim(),
  score: (answer: string, expected: string) => (answer === expected ? 1 : 0),
  aggregate: shareOf,
} as const satisfies TextScorer;

/** Equal except for white space at both ends. */
export const isExactMatch = (answer: string, expected: string): boolean =>
  exactMatch.score(exactMatch.normalise(answer), exactMatch.normalise(expected)) === 1;
