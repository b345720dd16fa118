/** Common parts of objectives over pairs of answers. */
import { learnerOf } from '../adapters/learners.ts';
import type { PAIR_SUMS, PairKernel } from '../engine/ops/pair_loss.ts';
import type { Given, Setting } from '../settings/setting.ts';
import type { LossGraph, Objective, ObjectiveReport, Reported } from './objective.ts';

/** The scale of rewards. Objectives whose scale means something else have their own setting. */
export const BETA = {
  name: 'beta',
  part: 'run',
  type: 'number',
  min: 0,
  max: 100,
  // Only a reward can stand alone.
  narrower: ({ objective }: Given) => (objective === 'grpo' ? undefined : { above: 0 }),
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
      start:
        '0.1; 2 for SimPO, whose rewards are means over tokens. In ORPO it is the weight of the term that compares.',
      source: 'Rafailov and others, Direct Preference Optimization, 2023',
      also: 'kl penalty temperature dpo',
    },
  },
  help: 'The scale of rewards: how closely the model keeps to the reference.',
  more: 'With a reference policy, a lower value lets the model move further.',
  default: 0.1,
  defaultText: '0.1, simpo 2, grpo 0',
} as const satisfies Setting;

export const REFERENCE = {
  name: 'reference',
  part: 'run',
  type: 'choice',
  choices: ['base', 'start'],
  labels: { base: 'The base model', start: 'What the run starts from' },
  usual: (given: Given) => learnerOf(given).words.reference(given),
  flag: 'reference',
  placeholder: 'R',
  group: 'Goal',
  label: 'Reference policy',
  term: {
    id: 'reference-policy',
    name: 'Reference policy',
    entry: {
      what: 'The model that a run is compared with: the base model with its adapter switched off, or the adapter that the run starts from, as it was at the start. Log-probabilities of pairs are computed once: before the first step, or in a large file before the step that takes them. Those of sampled answers (with a beta above 0) are computed at each step.',
      start: 'The one that the run starts from.',
      source: 'Rafailov and others, Direct Preference Optimization, 2023',
      also: 'reference model dpo ref logps',
    },
  },
  help: 'The model to compare with: the base model, or the adapter that the run starts from, as it was at the start.',
  defaultText: 'start with --init-adapter, else base',
} as const satisfies Setting;

/** Reports about pairs, in the order in which they are shown. */
export const PAIR_REPORT = [
  { name: 'reward_accuracy', label: 'Accuracy', share: true, term: 'reward-margin' },
  { name: 'reward_margin', label: 'Margin', term: 'reward-margin' },
  { name: 'chosen_reward', label: 'Chosen reward', picture: 'Rewards', term: 'reward-margin' },
  { name: 'rejected_reward', label: 'Rejected reward', picture: 'Rewards', term: 'reward-margin' },
] as const satisfies readonly Reported[];

/** How many sums a pair kernel adds up next to the loss. The type holds it to the engine's number, of which this room may not import the value. */
export const KERNEL_SUMS: typeof PAIR_SUMS = 4;

/** The means of the sums of pair kernels: pairs in the right order, and the rewards of both sides. */
export function pairReport(sums: ArrayLike<number>, pairs: number): ObjectiveReport {
  const [right, chosen, rejected] = Array.from(sums);
  return {
    reward_accuracy: right / pairs,
    reward_margin: (chosen - rejected) / pairs,
    chosen_reward: chosen / pairs,
    rejected_reward: rejected / pairs,
  };
}

/** The index of the objective's own sum, after those of {@link pairReport}. */
export const OWN_SUM = 3;

/** Settings of every objective over pairs. Preferences need smaller steps than supervised learning: in most of them a tenth of the usual rate. */
export const PAIRS = {
  rows: 'pairs',
  mean: 'rows',
  sequences: ['chosen_logps', 'rejected_logps'],
  sums: KERNEL_SUMS,
} as const satisfies Partial<Objective>;
export const SLOWER = 0.1;

/** Log-ratios to a reference policy, and the divergence from it. */
const DRIFT = {
  name: 'drift',
  label: 'Drift',
  unit: 'nats per answer',
  term: 'drift',
} as const satisfies Reported;

/** Objectives that compare with a reference policy. */
export const REFERENCED = {
  ...PAIRS,
  reference: true,
  reported: [...PAIR_REPORT, DRIFT],
  report: (sums: ArrayLike<number>, pairs: number): ObjectiveReport => ({
    ...pairReport(sums, pairs),
    drift: sums[OWN_SUM] / pairs,
  }),
  rate: SLOWER,
} as const satisfies Partial<Objective>;

/** Records the loss of a kernel, with these settings as its numbers. */
export const recordReferenced =
  (kernel: PairKernel, names: readonly string[]) =>
  (loss: LossGraph, settings: Given): ReturnType<LossGraph['pairs']> =>
    loss.pairs(
      kernel,
      { logps: loss.sequenceLogProbabilities(), reference: loss.referenceLogProbabilities() },
      numbersOf(settings, names),
    );

/** The numbers of settings by name. */
export const numbersOf = (settings: Given, names: readonly string[]): number[] =>
  names.map((name) => settings[name] as number);
