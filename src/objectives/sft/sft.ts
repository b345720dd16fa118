/** Supervised fine-tuning: the cross-entropy of the answers' tokens, a mean over all of them. */
import type { LossGraph, Objective } from '../objective.ts';

export const sft = {
  name: 'sft',
  label: 'Supervised',
  help: 'Learns the answers of the rows, token by token.',
  settings: [],
  rows: 'answers',
  mean: 'tokens',
  reference: false,
  reported: [],
  sums: 0,
  report: () => ({}),
  curve: { loss: 'in nats for each token that is learned' },
  record: (loss: LossGraph) => loss.crossEntropy(),
} as const satisfies Objective;
