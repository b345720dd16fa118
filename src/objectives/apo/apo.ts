/**
 * Anchored preference optimization (D'Oosterlinck and others, 2024) on the log-ratios of DPO, as TRL has it: each side of a pair is held against the
 * reference separately, so that the loss determines in which direction the chosen answers move.
 */
import type { PairKernel } from '../../engine/ops/pair_loss.ts';
import type { Objective } from '../objective.ts';
import { BETA, recordReferenced, REFERENCE, REFERENCED } from '../pairs.ts';
import downCpu from './apo_down.kernel.ts?raw';
import downWebgpu from './apo_down.wgsl?raw';
import zeroCpu from './apo_zero.kernel.ts?raw';
import zeroWebgpu from './apo_zero.wgsl?raw';

const zeroKernel: PairKernel = { name: 'apo_zero', kernels: { webgpu: zeroWebgpu, cpu: zeroCpu } };
const downKernel: PairKernel = { name: 'apo_down', kernels: { webgpu: downWebgpu, cpu: downCpu } };

const APO = {
  ...REFERENCED,
  settings: [BETA, REFERENCE],
} as const satisfies Partial<Objective>;

export const apoZero = {
  ...APO,
  name: 'apo-zero',
  label: 'Preference (APO-zero)',
  help: 'Like DPO, but makes chosen answers likelier and rejected ones less likely, each by itself: for chosen answers better than the model’s.',
  choice: {
    changes: 'The preferences of the model; chosen answers also become likelier by themselves.',
    wrong: 'The chosen answers are worse than what the model says already: take APO-down.',
  },
  curve: { loss: 'mean of σ(−chosen reward) + σ(rejected reward)', start: { loss: 1, words: '1' } },
  record: recordReferenced(zeroKernel, ['beta']),
} as const satisfies Objective;

export const apoDown = {
  ...APO,
  name: 'apo-down',
  label: 'Preference (APO-down)',
  help: 'Like DPO, but makes both answers less likely, the rejected one more: for chosen answers worse than the model’s.',
  choice: {
    changes: 'The preferences of the model; both answers become less likely, the rejected one more.',
    wrong: 'The chosen answers are better than what the model says: they also become less likely.',
  },
  curve: { loss: 'mean of σ(chosen reward) + σ(−margin)', start: { loss: 1, words: '1' } },
  record: recordReferenced(downKernel, ['beta']),
} as const satisfies Objective;
