/** Whether answer and reference are the same by the rules of SQuAD 1.1: capitals, punctuation, English articles and white space aside. */
import { exactMatch } from './exact-match.ts';
import type { TextScorer } from './scorer.ts';
import { tokenF1 } from './token-f1.ts';

const { usual: _, ...ofExactMatch } = exactMatch;

export const normalizedMatch = {
  ...ofExactMatch,
  name: 'normalized-match',
  aliases: ['normalised-match'],
  label: 'Normalized match',
  heading: 'normalized match',
  help: '1 if the answer has the words of the reference in their order, ignoring capitals, punctuation and a, an, the, as SQuAD does.',
  entry: {
    title: 'Normalized match',
    what: 'The answer has the words of the reference, in their order. Capitals, punctuation and the words a, an, the do not count.',
    source: 'Rajpurkar et al., SQuAD, 2016, arXiv:1606.05250',
    also: 'normalised normalized exact match squad em',
  },
  normalise: tokenF1.normalise,
} as const satisfies TextScorer;
