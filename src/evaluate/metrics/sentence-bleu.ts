/** The mean over the rows of sacrebleu's sentence BLEU: 13a, exponential smoothing, effective order. */
import { bleu } from './bleu.ts';
import { mean, type AnswerMetric } from './metric.ts';

const { corpus: _, ...ofRows } = bleu;

export const sentenceBleu = {
  ...ofRows,
  name: 'sentence-bleu',
  heading: 'sentence BLEU',
  help: 'the mean over the rows of the BLEU of each, from 0 to 100, as sacrebleu computes it with effective order',
  entry: {
    title: 'Sentence BLEU',
    what: 'BLEU of each answer, and the mean over all rows, from 0 to 100. Runs that are longer than the answer do not count.',
    source: 'Post, A Call for Clarity in Reporting BLEU Scores, 2018, aclanthology.org/W18-6319',
    also: 'bleu sentence translation sacrebleu effective order',
  },
  aggregate: mean,
} as const satisfies AnswerMetric;
