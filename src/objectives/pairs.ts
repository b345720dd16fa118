/** What objectives over pairs of answers share. */
import type { Setting } from '../settings/setting.ts';
import type { ObjectiveReport, Reported } from './objective.ts';

/** The scale of rewards. Objectives whose scale means something else have a setting of their own. */
export const BETA = {
  name: 'beta',
  part: 'run',
  type: 'number',
  least: 0,
  most: 100,
  flag: 'beta',
  group: 'Goal',
  label: 'Beta',
  term: {
    id: 'beta',
    name: 'Beta',
    entry: {
      what: 'How close the model stays to the reference: rewards are beta times the log-ratio of the two.',
      more: 'The model stays nearer to the reference.',
      less: 'It moves further for the same pairs, and over-optimises sooner.',
      start: '0.1.',
      source: 'Rafailov and others, Direct Preference Optimization, 2023',
      also: 'kl penalty temperature dpo',
    },
  },
  help: 'How close the model stays to the reference policy.',
  more: 'Lower lets it move further.',
  initial: 0.1,
} as const satisfies Setting;

export const REFERENCE = {
  name: 'reference',
  part: 'run',
  type: 'choice',
  choices: ['base', 'start'],
  labels: { base: 'The bare base model', start: 'What the run starts from' },
  flag: 'reference',
  placeholder: 'R',
  group: 'Goal',
  label: 'Reference policy',
  term: {
    id: 'reference-policy',
    name: 'Reference policy',
    entry: {
      what: 'The model that a preference run is compared with: the base model with its adapter switched off, or the adapter that the run starts from, as it was then. Its log-probabilities are computed once, before the first step.',
      start: 'What the run starts from.',
      source: 'Rafailov and others, Direct Preference Optimization, 2023',
      also: 'reference model dpo ref logps',
    },
  },
  help: 'What the model is compared with: the bare base, or the adapter that the run starts from, as it was then.',
  initially: 'start with --init-adapter, else base',
} as const satisfies Setting;

/** In the order in which they are shown. */
export const PAIR_REPORT = [
  { name: 'reward_accuracy', label: 'Accuracy', share: true },
  { name: 'reward_margin', label: 'Margin' },
  { name: 'chosen_reward', label: 'Chosen reward' },
  { name: 'rejected_reward', label: 'Rejected reward' },
] as const satisfies readonly Reported[];

/** What the kernel of pairs adds up beside the loss (engine/ops/pair_loss.ts): pairs in the right order, and the rewards of both sides. */
export const PAIR_SUMS = 3;

/** Their means. */
export function pairReport(sums: ArrayLike<number>, pairs: number): ObjectiveReport {
  const [right, chosen, rejected] = Array.from(sums);
  return {
    reward_accuracy: right / pairs,
    reward_margin: (chosen - rejected) / pairs,
    chosen_reward: chosen / pairs,
    rejected_reward: rejected / pairs,
  };
}
