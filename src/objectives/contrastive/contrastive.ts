/**
 * In-batch negatives (Henderson and others, 2017), as MultipleNegativesRankingLoss of sentence-transformers: each query should be nearer to the text
 * that answers it than to all other texts of the batch, hard negatives among them.
 */
import type { Given } from '../../settings/setting.ts';
import type { LossGraph, Objective, ObjectiveReport } from '../objective.ts';
import { TEMPERATURE } from '../temperature.ts';

/** The sums that the engine's loss gives next to it (engine/ops/contrastive_loss.ts). */
const SUMS = 3;

export const contrastive = {
  name: 'contrastive',
  label: 'Retriever (contrastive)',
  help: 'Tunes an encoder so that questions lie near the texts that answer them.',
  choice: {
    changes: 'Which texts an encoder finds for a question.',
    wrong: 'The model should write answers, or it finds the texts already.',
  },
  settings: [TEMPERATURE],
  defaults: { temperature: 0.05, batch: 16 },
  rows: 'queries',
  encodes: true,
  mean: 'rows',
  // A single query has nothing to tell its text from.
  leastRows: 2,
  reference: false,
  sequences: ['query', 'positive'],
  reported: [
    { name: 'accuracy', label: 'Own text nearest', share: true },
    { name: 'positive_cosine', label: 'Cosine of the own text', picture: 'Cosines' },
    { name: 'negative_cosine', label: 'Cosine of the nearest other text', picture: 'Cosines' },
  ],
  sums: SUMS,
  report(sums: ArrayLike<number>, rows: number): ObjectiveReport {
    const [first, own, other] = Array.from(sums);
    return { accuracy: first / rows, positive_cosine: own / rows, negative_cosine: other / rows };
  },
  curve: { loss: 'cross-entropy of each query’s own text among all texts of its batch' },
  record: (loss: LossGraph, settings: Given) => loss.contrastive(settings['temperature'] as number),
} as const satisfies Objective;
