/** The mean over the rows of sacrebleu's sentence chrF. A row without a reference text has 0, as there. */
import { chrf } from './chrf.ts';
import { meanScore, type TextScorer } from './scorer.ts';

const { corpus: _, usual: __, ...ofRows } = chrf;

export const sentenceChrf = {
  ...ofRows,
  name: 'sentence-chrf',
  label: 'Sentence chrF',
  heading: 'sentence chrF',
  help: 'chrF of each answer, as sacrebleu computes it, and the mean over the rows: from 0 to 100, and from 0 to 1 as a reward.',
  entry: {
    title: 'Sentence chrF',
    what: 'chrF of each answer, and the mean over all rows, from 0 to 100.',
    source: 'Popović, chrF, 2015, aclanthology.org/W15-3049',
    also: 'chrf sentence character n-gram sacrebleu',
  },
  applies: () => true,
  aggregate: meanScore,
} as const satisfies TextScorer;
