/** The mean over the rows of sacrebleu's sentence chrF. A row without a reference text has 0, as there. */
import { chrf } from './chrf.ts';
import { mean, type AnswerMetric } from './metric.ts';

const { corpus: _, ...ofRows } = chrf;

export const sentenceChrf = {
  ...ofRows,
  name: 'sentence-chrf',
  heading: 'sentence chrF',
  help: 'the mean over the rows of the chrF of each, from 0 to 100, as sacrebleu computes it',
  entry: {
    title: 'Sentence chrF',
    what: 'chrF of each answer, and the mean over all rows, from 0 to 100.',
    source: 'Popović, chrF, 2015, aclanthology.org/W15-3049',
    also: 'chrf sentence character n-gram sacrebleu',
  },
  applies: () => true,
  aggregate: mean,
} as const satisfies AnswerMetric;
