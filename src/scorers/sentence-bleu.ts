/** The mean over the rows of sacrebleu's sentence BLEU: 13a, exponential smoothing, effective order. */
import { bleu } from './bleu.ts';
import { meanScore, type TextScorer } from './scorer.ts';

const { corpus: _, ...ofRows } = bleu;

export const sentenceBleu = {
  ...ofRows,
  name: 'sentence-bleu',
  label: 'Sentence BLEU',
  heading: 'sentence BLEU',
  help: 'BLEU of each answer, as sacrebleu computes it with effective order, and the mean over the rows: from 0 to 100, and from 0 to 1 as a reward.',
  entry: {
    title: 'Sentence BLEU',
    what: 'BLEU of each answer, and the mean over all rows, from 0 to 100. Runs that are longer than the answer do not count.',
    source: 'Post, A Call for Clarity in Reporting BLEU Scores, 2018, aclanthology.org/W18-6319',
    also: 'bleu sentence translation sacrebleu effective order',
  },
  aggregate: meanScore,
} as const satisfies TextScorer;
