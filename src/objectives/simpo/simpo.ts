/** Simple Preference Optimization (Meng and others, 2024): mean log-probabilities of answers are the rewards, without a reference. */
import type { PairKernel } from '../../engine/ops/pair_loss.ts';
import type { Given, Setting } from '../../settings/setting.ts';
import type { LossGraph, Objective } from '../objective.ts';
import { BETA, numbersOf, PAIR_REPORT, pairReport, PAIRS } from '../pairs.ts';
import cpu from './simpo.kernel.ts?raw';
import webgpu from './simpo.wgsl?raw';

const GAMMA = {
  name: 'simpoGamma',
  part: 'run',
  type: 'number',
  min: 0,
  max: 100,
  zero: 'none',
  flag: 'simpo-gamma',
  group: 'Goal',
  label: 'Target margin',
  term: {
    id: 'simpo-gamma',
    name: 'Target margin (gamma)',
    entry: {
      what: 'By how much the reward of the chosen answer should exceed that of the rejected one. It is subtracted from the margin, and not multiplied by beta.',
      more: 'The model pushes the two apart for longer.',
      less: 'A pair whose chosen answer is preferred soon teaches little.',
      start: '0.5.',
      source: 'Meng and others, SimPO, 2024',
      also: 'target reward margin gamma simpo',
    },
  },
  help: 'By how much the reward of the chosen answer should exceed that of the rejected one.',
  default: 0.5,
} as const satisfies Setting;

const kernel: PairKernel = { name: 'simpo', kernels: { webgpu, cpu } };

export const simpo = {
  ...PAIRS,
  name: 'simpo',
  label: 'Preference (SimPO)',
  help: 'Learns to find the chosen answer likelier than the rejected one, token for token, without a reference policy.',
  choice: {
    changes:
      'The preferences of the model, by the mean over an answer’s tokens, so that length does not count. No reference policy.',
    wrong: 'A long run or a high learning rate: nothing holds the model in place, and it may forget much.',
  },
  settings: [BETA, GAMMA],
  // Without a reference it has to reverse the model's preferences, which takes a higher rate than moving away from a reference (docs/experiments/simpo-rate.md).
  rate: 0.3,
  defaults: { beta: 2 },
  reference: false,
  reported: PAIR_REPORT,
  report: pairReport,
  curve: { loss: 'mean of −ln σ(margin − gamma) over the pairs' },
  record: (loss: LossGraph, settings: Given) =>
    loss.pairs(
      kernel,
      { logps: loss.sequenceLogProbabilities() },
      numbersOf(settings, ['beta', 'simpoGamma']),
    ),
} as const satisfies Objective;
