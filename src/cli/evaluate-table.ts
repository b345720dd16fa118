/** The table of `graft evaluate`: every adapter with what it took, its score and what it forgot, beside the base. */
import { nameOf, scoreCell, shareCell } from '../evaluate/cells.ts';
import { metricsOf } from '../evaluate/columns.ts';
import { baseOf, sidesOf, type Side } from '../evaluate/sides.ts';
import type { Evaluation } from '../evaluate/record.ts';
import { forgettingNumbers } from '../evaluate/forgetting-check.ts';
import { adapter as adapterMethod } from '../evaluate/methods/adapter.ts';
import { base } from '../evaluate/methods/base.ts';
import { inPrint, type Scorer } from '../scorers/scorer.ts';
import { proportion } from '../proportion.ts';
import { meanOf, rewardScoresOf } from '../evaluate/report.ts';
import {
  comparesWithBase,
  generalLossOf,
  generalStandings,
  pairsInWords,
  pairsOfTable,
  pairStandings,
  promptsOf,
  promptStandings,
  rewardStandings,
  scoreStandings,
  usualMetric,
  type Candidate,
  type ScoreStanding,
  type Standing,
} from '../evaluate/tuned-table.ts';
import { count, formatBytes, threeDigits } from '../numbers.ts';
import { twoDigits } from '../evaluate/forgetting.ts';
import { textTable } from './evaluate-output.ts';

interface Line {
  readonly side: Side;
  readonly score: ScoreStanding;
  /** By rewards, where answers are scored by them. */
  readonly reward: ScoreStanding;
  /** Which pairs are in order, where the rows are pairs; missing for what they are compared with. */
  readonly preferred: readonly boolean[] | undefined;
  readonly pairs: ScoreStanding;
  readonly general: Standing | undefined;
  readonly prompts: Standing | undefined;
}

interface TunedTable {
  /** Missing where rows are prompts alone. */
  readonly metric: Scorer | undefined;
  /** How pairs are compared; undefined where the rows are no pairs. */
  readonly pairsAgainstBase: boolean | undefined;
  /** The base first, if it was asked. */
  readonly lines: readonly Line[];
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
  const candidates = shown.map((side, at): Candidate | undefined => {
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
      ...(metric && value && { score: inPrint(metric, value.value) }),
      ...(score.standing && { standing: score.standing }),
      ...(rewards && { reward: rewards.mean, reward_passed: rewards.passed.fraction }),
      ...(preferred && { pairs: preferred.length, pair_accuracy: meanOf(preferred.map(Number)) }),
      ...(pairs.standing && { pairs_standing: pairs.standing }),
      ...(reward.standing && { reward_standing: reward.standing }),
      ...(score.against && {
        against_best: {
          only_this: score.against.first,
          only_best: score.against.second,
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

const NONE = '–';
/** The text after a value: its standing beside the best of its column. */
const STANDING: Readonly<Record<Standing, string>> = {
  best: ' (best)',
  first: ' (highest)',
  even: ' (even)',
  behind: '',
};
const EVEN =
  '(best) is ahead of all others. (highest), (lowest) and (even) may be as good as each other: the difference may be chance, or is too small to count.';

/** The table as printed. */
export function tunedTableText({ metric, pairsAgainstBase, lines }: TunedTable): string {
  const measured = lines.some(({ side }) => side.subject.forgetting !== undefined);
  const isRewarded = lines.some(({ side }) => side.rewards !== undefined);
  const hasPairs = pairsAgainstBase !== undefined;
  const pairCell = ({ side, preferred, pairs }: Line, words: string): string =>
    preferred
      ? `${shareCell(proportion(preferred.filter(Boolean).length, preferred.length))}${pairs.standing ? words : ''}`
      : side.subject.method === base.name && pairsAgainstBase === true
        ? 'the reference'
        : NONE;
  const head = [
    'tuned',
    'kind',
    'parameters',
    'memory',
    's/step',
    ...(isRewarded ? ['reward'] : []),
    ...(hasPairs ? ['preference accuracy'] : []),
    ...(metric ? [metric.heading] : []),
    ...(measured ? ['on general text', 'general prompts', 'KL to base, nats per token'] : []),
  ];
  const text = textTable(
    head,
    lines.map((line) => {
      const { side, score, reward, pairs, general, prompts } = line;
      const rewards = rewardScoresOf(side);
      const { kind = NONE, took: { parameters, peakBytes, secondsPerStep } = {}, forgetting } = side.subject;
      const right = promptsOf({ side });
      const loss = generalLossOf({ side });
      const wordsOf = (standing: Standing | undefined): string => (standing ? STANDING[standing] : '');
      const change =
        forgetting?.after === undefined ? '' : ` ${signed(forgetting.after - forgetting.before)}`;
      return [
        nameOf(side),
        kind,
        parameters === undefined ? NONE : count(parameters),
        peakBytes === undefined ? NONE : formatBytes(peakBytes),
        secondsPerStep === undefined ? NONE : threeDigits(secondsPerStep),
        ...(isRewarded ? [rewards ? `${threeDigits(rewards.mean)}${wordsOf(reward.standing)}` : NONE] : []),
        ...(hasPairs ? [pairCell(line, wordsOf(pairs.standing))] : []),
        ...(metric
          ? [
              `${scoreCell(metric, metricsOf(side, [metric]))}${metric.better === 'lower' ? wordsOf(score.standing).replace('highest', 'lowest') : wordsOf(score.standing)}`,
            ]
          : []),
        ...(measured
          ? [
              loss === undefined
                ? NONE
                : `${loss.toFixed(3)}${change}${wordsOf(general).replace('highest', 'lowest')}`,
              right ? `${right.right} of ${right.asked}${wordsOf(prompts)}` : NONE,
              forgetting?.kl?.after === undefined ? NONE : twoDigits(forgetting.kl.after),
            ]
          : []),
      ];
    }),
  );
  const isMarked = lines.some(
    ({ score, reward, pairs }) =>
      score.standing !== undefined || reward.standing !== undefined || pairs.standing !== undefined,
  );
  const told = hasPairs ? `${pairsInWords(pairsAgainstBase)}\n` : '';
  return `\n${text}${told}${isMarked ? `${EVEN}\n` : ''}`;
}

const signed = (change: number): string => `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(3)}`;
