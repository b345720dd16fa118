/**
 * Whether the number of an answer is that of the reference, as lm-evaluation-harness scores gsm8k: the first number right after `#### `. Texts of
 * numbers are compared without commas, dollar signs and a full stop at the end; number-match compares by value. An answer without a number is wrong.
 * The reference's number is the marked one, else its last.
 */
import { exactMatch } from './exact-match.ts';
import { flexibleNumber, strictNumber } from './number-match.ts';
import type { TextScorer } from './scorer.ts';

const MARKER = '#### ';

const plain = (number: string | undefined): string | undefined =>
  number?.replaceAll(/[,$]/g, '').replace(/\.$/, '');

export const isRightNumber = (found: string | undefined, reference: string): 0 | 1 => {
  const wanted = plain(strictNumber(reference, MARKER) ?? flexibleNumber(reference));
  return wanted !== undefined && plain(found) === wanted ? 1 : 0;
};

const SOURCE =
  'Gao et al., lm-evaluation-harness, 2021, task gsm8k; Cobbe et al., GSM8K, 2021, arXiv:2110.14168';

const { usual: _, ...ofExactMatch } = exactMatch;

export const numberStrict = {
  ...ofExactMatch,
  name: 'number-strict',
  label: 'Number match (strict)',
  heading: 'number (strict)',
  help: '1 if the first number right after “#### ” is that of the reference. Texts of numbers are compared, as in gsm8k of lm-evaluation-harness.',
  entry: {
    title: 'Number match (strict)',
    what: 'The first number right after “#### ” is that of the reference. An answer with the right number in another form is wrong.',
    source: SOURCE,
    also: 'gsm8k strict match number',
  },
  normalise: (text: string) => text,
  score: (answer: string, reference: string) => isRightNumber(strictNumber(answer, MARKER), reference),
} as const satisfies TextScorer;
