/** The files of `graft evaluate` for other tools: a line for each row and method, and a report of all of them, both made from the record. */
import type { Interval } from './bootstrap.ts';
import { clustersOf } from './clusters.ts';
import { choiceReport, likelihoodsIn } from './choice-report.ts';
import { costOf } from './costs.ts';
import { flipsOf, type Flips } from './flips.ts';
import { metricsOf, metricsOfTask, scoresIn } from './columns.ts';
import { groundingNumbers, groundingOf } from './grounding.ts';
import { intervalsOf } from './intervals.ts';
import { baseOf, comparedOf, eachReward, recordPassMark, sideOf, sidesOf, type Side } from './sides.ts';
import { methodsOf } from './compared.ts';
import { fewShot } from './methods/few-shot.ts';
import { inPrint, type Scorer, type Score } from '../scorers/scorer.ts';
import { isAnswerScorer } from '../scorers/lists.ts';
import { type Scores } from '../scorers/scores.ts';
import { taskNames } from './by-task.ts';
import { compare } from './paired.ts';
import { familiesOf, seedsAgainst, seedScores } from './seeds.ts';
import { REWARD, type AdapterRef, type Evaluation, type Subject } from './record.ts';
import { rewardScores, type RewardScores } from './reward-scores.ts';
import { judge, reference, type Measured, type Verdict } from './verdict.ts';

/** A line of predictions.jsonl. */
export interface Prediction {
  /** Its index in its part, from 0. */
  readonly row?: number;
  readonly line?: number;
  readonly input: string;
  readonly expected: string;
  readonly task?: string;
  readonly method: string;
  readonly adapter?: string;
  readonly output: string;
  /** The log-probability of each choice in nats, if the output was chosen by likelihood. */
  readonly choices?: Readonly<Record<string, number>>;
  /** By metric, those that compare answers; and the sum of rewards. */
  readonly scores: Readonly<Record<string, number>>;
}

/** Method by method, rows in the order in which they were drawn. */
export function predictionsOf(record: Evaluation, metrics: readonly Scorer[]): Prediction[] {
  const names = [...metrics.filter(isAnswerScorer).map(({ name }) => name), REWARD];
  return record.subjects.flatMap(({ method, adapter }, subject) => {
    const side = sideOf(record, subject);
    const shown = names.flatMap((name) => {
      const scores = scoresIn(side, name);
      return scores ? [{ name, scores }] : [];
    });
    return side.answers.map((output, item): Prediction => {
      const { row, line, prompt: input, expected, task } = record.items[item];
      return {
        ...(row !== undefined && { row }),
        ...(line !== undefined && { line }),
        ...{ input, expected },
        ...(task !== undefined && { task }),
        method,
        ...(adapter && { adapter: placeOf(adapter) }),
        output,
        ...choicesOfLine(record, item, subject),
        scores: Object.fromEntries(
          shown.flatMap(({ name, scores }) => {
            const score = scores[item];
            return score === null ? [] : [[name, printed(metrics, name, score)]];
          }),
        ),
      };
    });
  });
}

function choicesOfLine(record: Evaluation, item: number, subject: number): Pick<Prediction, 'choices'> {
  const chosen = likelihoodsIn(record, item, subject);
  if (!chosen) return {};
  const { texts, logProbabilities } = chosen;
  return { choices: Object.fromEntries(texts.map((text, at) => [text, logProbabilities[at]])) };
}

/** The folder of an adapter, or its name. */
const placeOf = (adapter: AdapterRef): string => ('folder' in adapter ? adapter.folder : adapter.name);

/** A score in the unit of its metric. */
function printed(metrics: readonly Scorer[], name: string, value: number): number {
  const metric = metrics.find((one) => one.name === name);
  return metric ? inPrint(metric, value) : value;
}

/** Values and 95% intervals, by scorer. @param metrics the scorers @param intervals if they are known; else those of shares, row by row, as if all groups have the same share */
export function metricsReport(
  scores: Scores,
  metrics: readonly Scorer[],
  intervals: Readonly<Record<string, Interval>> = {},
): {
  metrics: Record<string, number>;
  intervals: Record<string, readonly [number, number]>;
} {
  const entries = Object.entries(scores).filter((entry): entry is [string, Score] => entry[1] !== undefined);
  return {
    metrics: Object.fromEntries(entries.map(([name, { value }]) => [name, printed(metrics, name, value)])),
    intervals: Object.fromEntries(
      entries.flatMap(([name, { share }]) => {
        const interval = (intervals[name] as Interval | undefined) ?? share?.interval;
        return interval
          ? [[name, interval.map((end) => printed(metrics, name, end)) as [number, number]] as const]
          : [];
      }),
    ),
  };
}

/** What rewards say of the answers; undefined if nothing was answered, or nothing was scored by rewards. */
export const rewardScoresOf = ({ rewards = [], record }: Side): RewardScores | undefined =>
  rewards.length > 0 ? rewardScores(rewards, recordPassMark(record) ?? Infinity) : undefined;

/** The names of the tasks of the answered rows; none without a mixture. */
const tasksOf = ({ record, answers }: Side): string[] => taskNames(record.items.slice(0, answers.length));

/** The methods of report.json: those that were measured, then those that failed. */
export function methodReports(record: Evaluation, metrics: readonly Scorer[]): object[] {
  const sides = record.subjects.map((_, at) => sideOf(record, at));
  return [
    ...sides.filter(({ subject }) => subject.failed === undefined).map((side) => methodReport(side, metrics)),
    ...sides.flatMap(({ subject }) => (subject.failed === undefined ? [] : [failureReport(subject)])),
  ];
}

const nameReport = ({ method, adapter }: Subject): object => ({
  method,
  ...(adapter && { adapter: placeOf(adapter) }),
});

function methodReport(side: Side, metrics: readonly Scorer[]): object {
  const { subject, answers } = side;
  const { stopped, loss, general, detail, seconds, lacks, noLabel } = subject;
  const rewards = rewardScoresOf(side);
  const each = eachReward(side);
  const grounding = groundingOf(side);
  const tasks = tasksOf(side);
  const choices = choiceReport(side);
  const scores = metricsOf(side, metrics);
  const cost = costOf(side);
  return {
    ...nameReport(subject),
    rows: answers.length,
    ...metricsReport(scores, metrics, intervalsOf(side, scores, metrics)),
    ...(tasks.length > 0 && {
      tasks: Object.fromEntries(
        tasks.map((task) => [task, metricsReport(metricsOfTask(side, task, metrics), metrics)]),
      ),
    }),
    ...(choices && {
      choices: {
        accuracy: choices.accuracy,
        accuracy_by_length: choices.accuracyByLength,
        expected_calibration_error: choices.calibrationError,
        brier_score: choices.brier,
        reliability: choices.bins.map(({ confidence, right, ...bin }) => ({
          ...bin,
          mean_probability: confidence,
          share_right: right,
        })),
      },
    }),
    ...(loss && { loss_rows: loss.rows, supervised_tokens: loss.supervisedTokens }),
    ...(general && { general_loss: general.loss, general_perplexity: general.perplexity }),
    ...(rewards && {
      reward: rewards.mean,
      reward_std: rewards.spread,
      reward_passed: rewards.passed.fraction,
      reward_passed_interval: rewards.passed.interval,
    }),
    ...(rewards &&
      each.length > 0 && {
        rewards: each.map(({ name, weight, passMark, scores }) => {
          const { mean, spread, passed } = rewardScores(scores, passMark);
          return { name, weight, mean, std: spread, full_marks: passed.count };
        }),
      }),
    ...(detail?.answer !== undefined && { answer: detail.answer, share_of_training: detail.share }),
    ...(detail?.shots && { shots: detail.shots }),
    ...(detail?.nearest !== undefined && { nearest_shots: detail.nearest }),
    ...(detail?.encoder !== undefined && { encoder: detail.encoder }),
    ...(detail?.fitted !== undefined && { fitted_shots: detail.fitted }),
    ...(detail?.instruction !== undefined && { instruction: detail.instruction }),
    ...(detail?.promptTokens !== undefined && { prompt_tokens: detail.promptTokens, window: detail.window }),
    ...(noLabel !== undefined && { no_label: noLabel }),
    ...(detail?.passages && { search: detail.passages }),
    ...(grounding && { documents: groundingNumbers(grounding) }),
    ...(cost.seconds !== undefined && { seconds_per_answer: cost.seconds }),
    ...(cost.tokens !== undefined && { tokens_per_answer: cost.tokens }),
    ...(cost.promptTokens !== undefined && { tokens_per_prompt: cost.promptTokens }),
    seconds,
    ...(stopped && { stopped }),
    ...(lacks && { failed_parts: lacks }),
  };
}

const failureReport = (subject: Subject): object => ({ ...nameReport(subject), failed: subject.failed });

export interface JudgedMethod {
  readonly verdict: Verdict;
  /** Each adapter against the best method without tuning, row by row. */
  readonly comparisons: readonly {
    readonly adapter: string;
    readonly against: string;
    readonly only_adapter: number;
    readonly only_other: number;
    /** The share of right rows, less that of the other, with its 95% interval. */
    readonly difference?: number;
    readonly interval?: Interval;
    /** Rows on which such a difference would be seen four times of five; missing if there is none, or 2,000 are too few. */
    readonly rows_needed?: number;
    /** The p-value of the exact McNemar test; of the exact sign-flip test over groups, if rows share some. */
    readonly p: number;
  }[];
}

/** Everything tuned that was measured whole, next to the base model; none if that was not. */
function measuredOf(record: Evaluation): Measured[] {
  if (baseOf(record)?.subject.stopped) return [];
  return comparedOf(record)
    .filter(({ tuned }) => !tuned.subject.stopped)
    .map((compared) => ({ ...compared, name: compared.tuned.subject.label }));
}

/** Undefined unless the base model and an adapter were measured completely. @throws RangeError as `compare` */
export function judgeRecord(record: Evaluation): JudgedMethod | undefined {
  const measured = measuredOf(record);
  if (measured.length === 0) return undefined;
  const few = sidesOf(record, fewShot.name).find(({ subject }) => !subject.stopped);
  const best = reference(methodsOf(record, few));
  const isCompared = record.items.some((row) => row.expected !== '');
  const flips = flipsOf(record, best.side);
  return {
    verdict: judge(measured, few),
    // Answers to prompts alone are neither right nor wrong.
    comparisons: (isCompared ? measured : []).map(({ tuned: { right = [], subject, at } }) => {
      const { onlyFirst, onlySecond, p } = compare(right, best.right ?? [], clustersOf(record, right.length));
      return {
        adapter: subject.adapter ? placeOf(subject.adapter) : subject.label,
        against: best.key,
        only_adapter: onlyFirst,
        only_other: onlySecond,
        ...differenceReport(flips.find(({ side }) => side.at === at)),
        p,
      };
    }),
  };
}

const differenceReport = (
  flip: Flips | undefined,
): Pick<JudgedMethod['comparisons'][number], 'difference' | 'interval' | 'rows_needed'> => ({
  ...(flip && { difference: flip.difference }),
  ...(flip?.interval && { interval: flip.interval }),
  ...(flip?.rowsNeeded !== undefined && { rows_needed: flip.rowsNeeded }),
});

/** Several seeds of one recipe as one method, against the best method without tuning. */
export function seedsReport(record: Evaluation, metrics: readonly Scorer[]): object[] {
  const families = familiesOf(record);
  if (families.length === 0) return [];
  const methods = methodsOf(record, sidesOf(record, fewShot.name).at(0));
  const best = methods.length > 0 ? reference(methods) : undefined;
  return families.map((family) => {
    const against = seedsAgainst(family, best?.right);
    return {
      label: family.label,
      adapters: family.members.map(({ subject }) =>
        subject.adapter ? placeOf(subject.adapter) : subject.label,
      ),
      seeds: family.seeds,
      metrics: Object.fromEntries(
        metrics.flatMap((metric) => {
          const scores = seedScores(family, metric);
          if (!scores) return [];
          const shown = (value: number): number => inPrint(metric, value);
          const { mean, lowest, highest, deviation, interval } = scores;
          return [
            [
              metric.name,
              {
                ...{ mean: shown(mean), lowest: shown(lowest), highest: shown(highest) },
                ...{ standard_deviation: shown(deviation), by_seed: scores.values.map(shown) },
                ...(interval && { interval: interval.map(shown) }),
              },
            ],
          ];
        }),
      ),
      ...(against && {
        against: best?.key,
        ...{ difference: against.difference, interval: against.interval },
        ...{ ahead: against.ahead, behind: against.behind, sign_flip_p: against.p },
      }),
    };
  });
}
