/**
 * Odds Ratio Preference Optimization (Hong and others, 2024): supervised learning of prompts and chosen answers, plus the odds of the chosen answer
 * against those of the rejected one, without a reference.
 */
import type { PairKernel } from '../../engine/ops/pair_loss.ts';
import { changed, type List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import type { Given } from '../../settings/setting.ts';
import type { LossGraph, Objective } from '../objective.ts';
import { BETA, numbersOf, OWN_SUM, PAIR_REPORT, pairReport, PAIRS } from '../pairs.ts';
import cpu from './orpo.kernel.ts?raw';
import webgpu from './orpo.wgsl?raw';

const kernel: PairKernel = { name: 'orpo', kernels: { webgpu, cpu } };

export const orpo = {
  ...PAIRS,
  name: 'orpo',
  label: 'Preference (ORPO)',
  help: 'Learns the chosen answers and the preference in one run, without a supervised run before it.',
  choice: {
    changes: 'The chosen answers are learned and preferred at once, without a reference policy.',
    wrong: 'A model that is already tuned and should change little: nothing holds it in place.',
  },
  settings: [BETA],
  reference: false,
  reported: [...PAIR_REPORT, { name: 'nll', label: 'Loss of the chosen texts' }],
  report: (sums: ArrayLike<number>, pairs: number) => ({
    ...pairReport(sums, pairs),
    nll: sums[OWN_SUM] / pairs,
  }),
  curve: { loss: 'loss of the chosen texts, and beta times −ln σ(log odds ratio), a mean over the pairs' },
  arrange: <Row extends LabelledTokens>(rows: List<Row>): List<Row> =>
    changed(rows, (row) => ({ ...row, whole: true })),
  record: (loss: LossGraph, settings: Given) =>
    loss.together(
      loss.pairs(kernel, { logps: loss.sequenceLogProbabilities() }, numbersOf(settings, ['beta'])),
      loss.textCrossEntropy(OWN_SUM),
    ),
} as const satisfies Objective;
