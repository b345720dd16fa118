/** Kahneman-Tversky Optimization (Ethayarajh and others, 2024): learns from single answers, each desirable or not. */
import type { PairKernel } from '../../engine/ops/pair_loss.ts';
import type { List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import type { Given, Setting } from '../../settings/setting.ts';
import type { LossGraph, Objective, ObjectiveReport } from '../objective.ts';
import { BETA, numbersOf, KERNEL_SUMS, REFERENCE, SLOWER } from '../pairs.ts';
import cpu from './kto.kernel.ts?raw';
import webgpu from './kto.wgsl?raw';
import { withMismatched } from './mismatched.ts';

/** The setting of one of the two weights, by its label. */
function weightOf<const Side extends 'desirable' | 'undesirable'>(side: Side) {
  return {
    name: `${side}Weight`,
    part: 'run',
    type: 'number',
    min: 0,
    max: 100,
    zero: 'none of them counts',
    flag: `${side}-weight`,
    group: 'Goal',
    label: `Weight of ${side} answers`,
    term: {
      id: `${side}-weight`,
      name: `Weight of ${side} answers`,
      entry: {
        what: `How much the loss of an ${side === 'desirable' ? 'answer that is wanted' : 'answer that is not wanted'} counts. If one kind is rarer, its weight makes up for it.`,
        more: 'These answers count more.',
        less: 'They count less.',
        start:
          '1. Weight times number should be about the same for both kinds, within a third of each other.',
        source: 'Ethayarajh and others, KTO: Model Alignment as Prospect Theoretic Optimization, 2024',
        also: 'kto imbalance lambda',
      },
    },
    help: `How much the loss of ${side} answers counts.`,
    default: 1,
  } as const satisfies Setting;
}
const DESIRABLE_WEIGHT = weightOf('desirable');
const UNDESIRABLE_WEIGHT = weightOf('undesirable');

const kernel: PairKernel = { name: 'kto', kernels: { webgpu, cpu } };

/** A mean over so many rows; null if there are none. */
const meanOf = (sum: number, count: number): number | null => (count > 0 ? sum / count : null);

export const kto = {
  name: 'kto',
  label: 'Preference (KTO)',
  help: 'Learns from single answers, each marked as desirable or not.',
  choice: {
    changes: 'The preferences of the model, from thumbs up and down on single answers.',
    wrong: 'There are pairs: they say more for the same number of answers. Nearly all labels alike.',
  },
  settings: [BETA, DESIRABLE_WEIGHT, UNDESIRABLE_WEIGHT, REFERENCE],
  rate: SLOWER,
  rows: 'unpaired',
  mean: 'rows',
  // Its divergence is estimated from other rows' answers.
  leastRows: 2,
  reference: true,
  sequences: ['logps', 'kl_logps'],
  reported: [
    { name: 'reward_margin', label: 'Margin', term: 'reward-margin' },
    { name: 'kl', label: 'KL to the reference', unit: 'nats per answer', term: 'drift' },
    { name: 'chosen_reward', label: 'Desirable', picture: 'Rewards', term: 'reward-margin' },
    { name: 'rejected_reward', label: 'Undesirable', picture: 'Rewards', term: 'reward-margin' },
  ],
  sums: KERNEL_SUMS,
  report(sums: ArrayLike<number>, rows: number): ObjectiveReport {
    const [good, chosen, rejected, kl] = Array.from(sums);
    const chosenReward = meanOf(chosen, good);
    const rejectedReward = meanOf(rejected, rows - good);
    return {
      reward_margin: chosenReward === null || rejectedReward === null ? null : chosenReward - rejectedReward,
      kl: kl / rows,
      chosen_reward: chosenReward,
      rejected_reward: rejectedReward,
    };
  },
  curve: {
    loss: 'mean over the answers of 1 − σ(how much better than the reference)',
    start: { loss: 0.5, words: '0.5' },
  },
  arrange: <Row extends LabelledTokens>(rows: List<Row>, settings: Given): List<Row> =>
    withMismatched(rows, {
      batch: settings['batch'] as number,
      maxLength: settings['maxLength'] as number,
    }),
  record: (loss: LossGraph, settings: Given) =>
    loss.pairs(
      kernel,
      {
        logps: loss.sequenceLogProbabilities(),
        reference: loss.referenceLogProbabilities(),
        values: loss.desirable(),
      },
      numbersOf(settings, ['beta', 'desirableWeight', 'undesirableWeight']),
    ),
} as const satisfies Objective;
