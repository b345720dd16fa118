/**
 * Direct Preference Optimization (Rafailov and others, 2023), with the smoothing of its conservative form (Mitchell, 2023), and two relatives on the
 * same log-ratios: the hinge loss of SLiC-HF (Zhao and others, 2023), and IPO (Azar and others, 2023) on means over tokens, as TRL has it.
 */
import type { PairKernel } from '../../engine/ops/pair_loss.ts';
import type { Setting } from '../../settings/setting.ts';
import type { Objective } from '../objective.ts';
import { BETA, recordReferenced, REFERENCE, REFERENCED } from '../pairs.ts';
import dpoCpu from './dpo.kernel.ts?raw';
import dpoWebgpu from './dpo.wgsl?raw';
import hingeCpu from './hinge.kernel.ts?raw';
import hingeWebgpu from './hinge.wgsl?raw';
import ipoCpu from './ipo.kernel.ts?raw';
import ipoWebgpu from './ipo.wgsl?raw';

const LABEL_SMOOTHING = {
  name: 'labelSmoothing',
  part: 'run',
  type: 'number',
  min: 0,
  below: 0.5,
  zero: 'none',
  flag: 'label-smoothing',
  group: 'Goal',
  label: 'Label smoothing',
  term: {
    id: 'label-smoothing',
    name: 'Label smoothing',
    entry: {
      what: 'The share of pairs assumed to be labelled the wrong way round, since people who compare answers make mistakes (conservative DPO).',
      more: 'Margins stay smaller.',
      less: '0 trusts every pair.',
      start: '0, or 0.1 if preferences are noisy.',
      source: 'Mitchell, A note on DPO with noisy preferences, 2023',
      also: 'cdpo conservative noise',
    },
  },
  help: 'The share of pairs assumed to be labelled the wrong way round.',
  more: '0 trusts every pair.',
  default: 0,
} as const satisfies Setting;

const SFT_WEIGHT = {
  name: 'sftWeight',
  part: 'run',
  type: 'number',
  min: 0,
  max: 100,
  zero: 'none',
  flag: 'sft-weight',
  group: 'Goal',
  label: 'Supervised loss weight',
  term: {
    id: 'sft-weight',
    name: 'Supervised loss weight',
    entry: {
      what: 'How much of the supervised loss on the chosen answers is added. Plain DPO may make both answers less likely, as long as the rejected one loses more.',
      more: 'Chosen answers stay likely.',
      less: '0 is plain DPO.',
      start: '0; 0.1 to 1 if the chosen reward falls.',
      source: 'Pang and others, Iterative Reasoning Preference Optimization, 2024',
      also: 'rpo nll sft term regularisation',
    },
  },
  help: 'How much of the supervised loss on the chosen answers is added.',
  more: 'Keeps them likely. 0 adds none.',
  default: 0,
} as const satisfies Setting;

const LN_2 = Math.LN2;

const dpoKernel: PairKernel = { name: 'dpo', kernels: { webgpu: dpoWebgpu, cpu: dpoCpu } };
const hingeKernel: PairKernel = { name: 'hinge', kernels: { webgpu: hingeWebgpu, cpu: hingeCpu } };
const ipoKernel: PairKernel = { name: 'ipo', kernels: { webgpu: ipoWebgpu, cpu: ipoCpu } };

export const dpo = {
  ...REFERENCED,
  name: 'dpo',
  label: 'Preference (DPO)',
  help: 'Learns from pairs to prefer the chosen answer to the rejected one.',
  choice: {
    changes:
      'The preferences of the model among answers that it can already give: tone, length, form, caution.',
    wrong:
      'The rejected answers are ones that it never gives, or the chosen ones are far from what it can: learn those first, supervised. Too long, and both answers become unlikely.',
  },
  settings: [BETA, LABEL_SMOOTHING, SFT_WEIGHT, REFERENCE],
  curve: {
    loss: 'mean of −ln σ(margin) over the pairs',
    start: { loss: LN_2, words: 'ln 2 = 0.693' },
  },
  record: recordReferenced(dpoKernel, ['beta', 'labelSmoothing', 'sftWeight']),
} as const satisfies Objective;

export const ipo = {
  ...REFERENCED,
  name: 'ipo',
  label: 'Preference (IPO)',
  help: 'Like DPO, but steers the margin to one value, so that it cannot run away.',
  choice: {
    changes: 'The same as DPO, up to a margin that beta sets.',
    wrong: 'Preferences that should be followed as far as they go: it stops at its margin.',
  },
  settings: [BETA, REFERENCE],
  curve: { loss: 'mean squared distance of the pairs’ margins from 1/(2β)' },
  record: recordReferenced(ipoKernel, ['beta']),
} as const satisfies Objective;

export const hinge = {
  ...REFERENCED,
  name: 'hinge',
  label: 'Preference (hinge)',
  help: 'Like DPO, but a pair whose margin is above 1 teaches nothing more.',
  choice: {
    changes: 'The same as DPO, for pairs that it does not separate yet.',
    wrong:
      'Preferences that should be followed as far as they go: a pair teaches nothing more at its margin.',
  },
  settings: [BETA, REFERENCE],
  curve: { loss: 'mean of what the pairs’ margins lack to 1', start: { loss: 1, words: '1' } },
  record: recordReferenced(hingeKernel, ['beta']),
} as const satisfies Objective;
