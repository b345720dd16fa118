/**
 * Whether the number of an answer is that of the reference, as lm-evaluation-harness scores gsm8k: strictly the first number right after `#### `,
 * flexibly the last one. Texts of numbers are compared without commas, dollar signs and a full stop at the end; an answer without a number is wrong.
 * The reference's number is the marked one, else its last.
 */
import { flexibleNumber, strictNumber } from '../../rewards/number-match.ts';
import { exactMatch } from './exact-match.ts';
import type { AnswerMetric } from './metric.ts';

const MARKER = '#### ';

const plain = (number: string | undefined): string | undefined =>
  number?.replaceAll(/[,$]/g, '').replace(/\.$/, '');

const isRight = (found: string | undefined, reference: string): 0 | 1 => {
  const wanted = plain(strictNumber(reference, MARKER) ?? flexibleNumber(reference));
  return wanted !== undefined && plain(found) === wanted ? 1 : 0;
};

const SOURCE =
  'Gao et al., lm-evaluation-harness, 2021, task gsm8k; Cobbe et al., GSM8K, 2021, arXiv:2110.14168';

export const numberStrict = {
  ...exactMatch,
  name: 'number-strict',
  heading: 'number (strict)',
  help: 'share of answers whose first number right after “#### ” is that of the reference, as lm-evaluation-harness scores gsm8k',
  entry: {
    title: 'Right number (strict)',
    what: 'The first number right after “#### ” is that of the reference. An answer with the right number in another form is wrong.',
    source: SOURCE,
    also: 'gsm8k strict match number',
  },
  normalise: (text: string) => text,
  score: (answer: string, reference: string) => isRight(strictNumber(answer, MARKER), reference),
} as const satisfies AnswerMetric;

export const numberFlexible = {
  ...numberStrict,
  name: 'number-flexible',
  heading: 'number (flexible)',
  help: 'share of answers whose last number is that of the reference, as lm-evaluation-harness scores gsm8k',
  entry: {
    title: 'Right number (flexible)',
    what: 'The last number of the answer is that of the reference, in any form. If only the strict score rises, the model has learned the form and not the sums.',
    source: SOURCE,
    also: 'gsm8k flexible extract number',
  },
  score: (answer: string, reference: string) => isRight(flexibleNumber(answer), reference),
} as const satisfies AnswerMetric;
