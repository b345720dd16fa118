/** Every adapter next to the base: what it took, its score and what it forgot, with the standing of each value; and the same for report.json. */
import { mean } from '../averages.ts';
import { metricsOf } from './columns.ts';
import { forgettingNumbers } from './forgetting.ts';
import { adapter as adapterMethod } from './methods/adapter.ts';
import type { Evaluation } from './record.ts';
import { rewardScoresOf } from './report.ts';
import { baseOf, sidesOf, type Side } from './sides.ts';
import { inPrint, type Scorer } from '../scorers/scorer.ts';
import {
  comparesWithBase,
  countScored,
  generalStandings,
  pairsOfTable,
  pairStandings,
  promptStandings,
  rewardStandings,
  scoreStandings,
  usualMetric,
  type TunedCandidate,
  type ScoreStanding,
  type TunedStanding,
} from './tuned-table.ts';

/** One of the compared. */
export interface TableLine {
  readonly side: Side;
  readonly score: ScoreStanding;
  /** By rewards, if answers are scored by them. */
  readonly reward: ScoreStanding;
  /** Which pairs are in order, if the rows are pairs; missing for what they are compared with. */
  readonly preferred: readonly boolean[] | undefined;
  readonly pairs: ScoreStanding;
  readonly general: TunedStanding | undefined;
  readonly prompts: TunedStanding | undefined;
}

export interface TunedTable {
  /** Missing if rows are prompts alone. */
  readonly metric: Scorer | undefined;
  /** How pairs are compared; undefined if the rows are no pairs. */
  readonly pairsAgainstBase: boolean | undefined;
  /** The base first, if it was asked. */
  readonly lines: readonly TableLine[];
}

/**
 * @param metrics the chosen ones: the usual one if it is among them, else the first @returns undefined if no adapter was asked
 */
export function tunedTable(record: Evaluation, metrics: readonly Scorer[]): TunedTable | undefined {
  const untuned = baseOf(record);
  const tuned = sidesOf(record, adapterMethod.name);
  if (tuned.length === 0) return undefined;
  const shown = [...(untuned ? [untuned] : []), ...tuned];
  const isAgainstBase = comparesWithBase(shown.map(({ subject }) => subject.objective));
  const preferred = pairsOfTable(
    [untuned?.subject.likelihoods, ...shown.map(({ subject }) => subject.likelihoods)],
    isAgainstBase,
  ).slice(1);
  // A stopped method has answered fewer rows, so it is not compared.
  const candidates = shown.map((side, at): TunedCandidate | undefined => {
    const pairs = side === untuned && isAgainstBase ? undefined : preferred[at];
    const { rewards, subject } = side;
    return subject.stopped ? undefined : { side, ...(rewards && { rewards }), ...(pairs && { pairs }) };
  });
  const usual = usualMetric(
    record,
    candidates.flatMap((one) => one?.side ?? []),
  );
  const metric = metrics.find(({ name }) => name === usual.name) ?? metrics.at(0);
  const scores = metric && scoreStandings(metric, candidates);
  const byRewards = rewardStandings(candidates);
  const byPairs = pairStandings(candidates);
  const general = generalStandings(candidates);
  const prompts = promptStandings(candidates);
  return {
    metric,
    pairsAgainstBase: shown.some(({ subject }) => subject.likelihoods) ? isAgainstBase : undefined,
    lines: shown.map((side, at) => ({
      side,
      score: scores?.[at] ?? { standing: undefined },
      reward: byRewards[at],
      preferred: candidates[at]?.pairs,
      pairs: byPairs[at],
      general: general[at],
      prompts: prompts[at],
    })),
  };
}

/** The table for `report.json`, without what was not measured. */
export function tableReport({ metric, lines }: TunedTable): object[] {
  return lines.map(({ side, score, reward, preferred, pairs, general, prompts }) => {
    const { method, adapter, kind, took = {}, forgetting } = side.subject;
    const value = metric && metricsOf(side, [metric])[metric.name];
    const scored = metric && countScored(side, metric);
    const rewards = rewardScoresOf(side);
    const { parameters, peakBytes, secondsPerStep } = took;
    return {
      method,
      ...(adapter && { adapter: side.subject.label }),
      ...(kind !== undefined && { kind }),
      ...(parameters !== undefined && { parameters }),
      ...(peakBytes !== undefined && { peak_bytes: peakBytes }),
      ...(secondsPerStep !== undefined && { seconds_per_step: secondsPerStep }),
      ...(metric && { metric: metric.name }),
      rows: side.answers.length,
      ...(scored !== undefined && scored < side.answers.length && { scored_rows: scored }),
      ...(metric && value && { score: inPrint(metric, value.value) }),
      ...(score.standing && { standing: score.standing }),
      ...(rewards && { reward: rewards.mean, reward_passed: rewards.passed.fraction }),
      ...(preferred && { pairs: preferred.length, pair_accuracy: mean(preferred.map(Number)) }),
      ...(pairs.standing && { pairs_standing: pairs.standing }),
      ...(reward.standing && { reward_standing: reward.standing }),
      ...(score.against && {
        against_best: {
          only_this: score.against.first,
          only_best: score.against.second,
          ...(score.against.compared < score.against.rows && { rows: score.against.compared }),
          p: score.against.p,
        },
      }),
      ...(forgetting && {
        forgetting: {
          ...forgettingNumbers(forgetting),
          ...(forgetting.prompts && { general_prompts: forgetting.prompts.length }),
          ...(general && { loss_standing: general }),
          ...(prompts && { prompts_standing: prompts }),
        },
      }),
    };
  });
}
