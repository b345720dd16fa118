/** The same as number-strict with the last number of the answer, wherever it stands. */
import { flexibleNumber } from './number-match.ts';
import { isRightNumber, numberStrict } from './number-strict.ts';
import type { TextScorer } from './scorer.ts';

export const numberFlexible = {
  ...numberStrict,
  name: 'number-flexible',
  label: 'Number match (flexible)',
  heading: 'number (flexible)',
  help: '1 if the last number of the answer is that of the reference. Texts of numbers are compared, as in gsm8k of lm-evaluation-harness.',
  entry: {
    title: 'Number match (flexible)',
    what: 'The last number of the answer is that of the reference, in any form. If only the strict score rises, the model has learned the form and not the sums.',
    source: numberStrict.entry.source,
    also: 'gsm8k flexible extract number',
  },
  score: (answer: string, reference: string) => isRightNumber(flexibleNumber(answer), reference),
} as const satisfies TextScorer;
