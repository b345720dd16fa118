/**
 * Group Relative Policy Optimization (Shao and others, 2024): answers are sampled, scored by rewards, and made more or less likely by how much
 * better they are than the others to the same prompt. Loss types of DAPO (Yu and others, 2025) and Dr. GRPO (Liu and others, 2025) as TRL has them.
 */
import type { Given, SettingValue } from '../../settings/setting.ts';
import type { LossGraph, Objective, ObjectiveReport } from '../objective.ts';
import { GRPO_SETTINGS } from './settings.ts';

/** The sums that the engine's policy loss gives next to the loss (engine/ops/policy_loss.ts). */
const SUMS = 5;

function report(sums: ArrayLike<number>): ObjectiveReport {
  const [tokens, low, high, kl, surprise] = Array.from(sums);
  const mean = (sum: number): number => sum / Math.max(1, tokens);
  return {
    clip_ratio: mean(low + high),
    clip_ratio_low: mean(low),
    clip_ratio_high: mean(high),
    kl: mean(kl),
    entropy: mean(surprise),
  };
}

const byToken = (loss: LossGraph, settings: Given): ReturnType<LossGraph['tokenLogProbabilities']> =>
  loss.tokenLogProbabilities(settings['temperature'] as number);

export const grpo = {
  name: 'grpo',
  label: 'Rewards (GRPO)',
  help: 'Samples answers to the prompts, scores them by rewards, and makes the better ones of each group more likely.',
  choice: {
    changes:
      'How often the model gives answers that the rewards like; it invents nothing that it never says by chance.',
    wrong:
      'No rule can recognise a right answer, or the model never gives one: show it some first, supervised. It takes longest, as all answers are sampled.',
  },
  settings: GRPO_SETTINGS,
  rate: 0.5,
  defaults: {
    ...{ beta: 0, batch: 1, accumulate: 4, schedule: 'constant', warmup: 0 },
  } as const satisfies Readonly<Record<string, SettingValue>>,
  rows: 'prompts',
  // Rows with single answers are prompts with the reference answers.
  alsoTakes: ['answers'],
  samples: true,
  mean: 'weights',
  reference: false,
  compares: ({ beta }: Given) => typeof beta === 'number' && beta > 0,
  reported: [
    { name: 'reward', label: 'Reward', term: 'reward' },
    { name: 'reward_std', label: 'Standard deviation of rewards', term: 'group-size' },
    { name: 'frac_reward_zero_std', label: 'Groups of equal rewards', share: true, term: 'group-size' },
    { name: 'frac_cut', label: 'Truncated answers', share: true, term: 'completion-length' },
    { name: 'frac_reward_failed', label: 'Answers with a reward error', share: true, term: 'reward' },
    { name: 'completion_length', label: 'Completion length', term: 'completion-length' },
    { name: 'entropy', label: 'Entropy, estimated', unit: 'nats per token', term: 'entropy' },
    { name: 'clip_ratio', label: 'Tokens clipped', share: true, term: 'epsilon-clip' },
    { name: 'kl', label: 'KL to the reference', unit: 'nats per token', term: 'drift' },
  ],
  sums: SUMS,
  report,
  curve: {
    loss: 'the mean of the sampled answers. The loss itself is near 0 however well it learns, since a group is as much better than its mean as it is worse',
    drawn: 'reward',
  },
  recordReference: byToken,
  record: (loss: LossGraph, settings: Given) =>
    loss.policy(byToken(loss, settings), {
      epsilon: settings['epsilon'] as number,
      epsilonHigh: settings['epsilonHigh'] as number,
      beta: settings['beta'] as number,
      correctKl: settings['klCorrection'] as boolean,
    }),
} as const satisfies Objective;
