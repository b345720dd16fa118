/** The files of an evaluation: a line for each row and method, and a report of all of them. */
import type { Comparison, Draw, LossReport, Seen, Share } from './comparison.ts';
import { methodsOf } from './compared.ts';
import type { Forgetting } from './forgetting.ts';
import { adapter as adapterMethod } from './methods/adapter.ts';
import { base } from './methods/base.ts';
import { fewShot } from './methods/few-shot.ts';
import type { Detail, Method } from './methods/method.ts';
import { exactMatch, isExactMatch } from './metrics/exact-match.ts';
import { rowScore, type AnswerMetric, type Metric, type Score } from './metrics/metric.ts';
import { scoresOf, type Scores } from './metrics/scores.ts';
import { messageOf } from '../errors.ts';
import { lossOfTask, ofTask, taskNames } from './by-task.ts';
import { compare } from './paired.ts';
import type { PairLikelihoods } from './pair-order.ts';
import type { RewardSpec } from '../rewards/specs.ts';
import { rewardScores, type RewardScores } from './reward-scores.ts';
import type { RunTook } from './run-took.ts';
import { judge, reference, type Verdict } from './verdict.ts';

/** A row that was asked. */
export interface AskedRow {
  /** Its index in its part, from 0. */
  readonly row: number;
  /** Where it begins in its file. */
  readonly line: number;
  readonly input: string;
  readonly expected: string;
  /** Its task, in a mixture. */
  readonly task?: string;
}

/** The answers of a method. */
export interface MethodResult {
  readonly method: Method;
  /** The name of the adapter that answered. */
  readonly adapter?: string;
  /** Only those to the first rows, if it was stopped. */
  readonly answers: readonly string[];
  readonly stopped?: true;
  readonly loss?: LossReport;
  /** The loss on a general text. */
  readonly general?: LossReport;
  /** The weighted sum of rewards for each answer, if answers are scored by rewards as well. */
  readonly rewards?: readonly number[];
  /** The sum from which an answer passes, beside `rewards`. */
  readonly passMark?: number;
  /** The same before the weights, reward by reward. */
  readonly eachReward?: readonly RewardOfRows[];
  /** The rewards, where a person chose them instead of those that an adapter learned from. */
  readonly chosenRewards?: readonly RewardSpec[];
  /** How likely both answers of each pair are, where the rows are pairs. */
  readonly likelihoods?: readonly PairLikelihoods[];
  readonly detail?: Detail;
  /** An adapter in words, what its run took, and what it forgot; for the base, the reference of forgetting. */
  readonly kind?: string;
  /** The objective of its run, where that is known. */
  readonly objective?: string;
  readonly took?: RunTook;
  /** Which of the rows its training saw, of an adapter in a folder. */
  readonly seen?: Seen;
  readonly forgetting?: Forgetting;
  readonly seconds: number;
}

/** A method that could not be measured. */
export interface MethodFailure extends Pick<MethodResult, 'method' | 'adapter'> {
  readonly error: unknown;
}

/** What one reward gives the answers of a method, row by row and before its weight. */
export interface RewardOfRows {
  readonly name: string;
  readonly weight: number;
  readonly passMark: number;
  readonly scores: readonly number[];
}

/** A line of predictions.jsonl. */
export interface Prediction extends AskedRow {
  readonly method: string;
  readonly adapter?: string;
  readonly output: string;
  /** By metric, those that compare answers. */
  readonly scores: Readonly<Record<string, number>>;
}

const isAnswerMetric = (metric: Metric): metric is AnswerMetric => metric.of === 'answers';

/** The scores of one answer, by metric. */
export function scoresOfRow(
  answer: string,
  expected: string,
  metrics: readonly Metric[],
): Record<string, number> {
  return Object.fromEntries(
    metrics.filter(isAnswerMetric).flatMap((metric) => {
      const score = rowScore(metric, answer, expected);
      return score === undefined ? [] : [[metric.name, score]];
    }),
  );
}

/** Method by method, rows in the order in which they were drawn. */
export function predictionsOf(
  rows: readonly AskedRow[],
  results: readonly MethodResult[],
  metrics: readonly Metric[],
): Prediction[] {
  return results.flatMap(({ method, adapter, answers, rewards }) =>
    answers.map((output, at) => ({
      ...rows[at],
      method: method.name,
      ...(adapter !== undefined && { adapter }),
      output,
      scores: {
        ...scoresOfRow(output, rows[at].expected, metrics),
        ...(rewards?.[at] !== undefined && { reward: rewards[at] }),
      },
    })),
  );
}

export function resultScores(
  { answers, loss }: MethodResult,
  rows: readonly AskedRow[],
  metrics: readonly Metric[],
): Scores {
  const expected = rows.slice(0, answers.length).map((row) => row.expected);
  return scoresOf({ expected, answers, likelihood: loss }, metrics);
}

/** The scores of each task of a mixture, by name; empty where rows are of none. */
export function taskScores(
  { answers, loss }: MethodResult,
  rows: readonly AskedRow[],
  metrics: readonly Metric[],
): Record<string, Scores> {
  const answered = rows.slice(0, answers.length);
  return Object.fromEntries(
    taskNames(answered).map((task) => [
      task,
      scoresOf(
        {
          expected: ofTask(answered, answered, task).map((row) => row.expected),
          answers: ofTask(answers, answered, task),
          likelihood: lossOfTask(loss, task),
        },
        metrics,
      ),
    ]),
  );
}

/** Values and 95% intervals, by metric. */
export function metricsReport(scores: Scores): {
  metrics: Record<string, number>;
  intervals: Record<string, readonly [number, number]>;
} {
  const entries = Object.entries(scores).filter((entry): entry is [string, Score] => entry[1] !== undefined);
  return {
    metrics: Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
    intervals: Object.fromEntries(
      entries.flatMap(([name, { share }]) => (share ? [[name, share.interval] as const] : [])),
    ),
  };
}

/** What rewards say of the answers; undefined where nothing was answered, or nothing was scored by rewards. */
export const rewardScoresOf = ({
  rewards = [],
  passMark = Infinity,
}: Pick<MethodResult, 'rewards' | 'passMark'>): RewardScores | undefined =>
  rewards.length > 0 ? rewardScores(rewards, passMark) : undefined;

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** A method in report.json. */
export function methodReport(
  result: MethodResult,
  rows: readonly AskedRow[],
  metrics: readonly Metric[],
): object {
  const { method, adapter, answers, stopped, loss, general, detail, seconds } = result;
  const rewards = rewardScoresOf(result);
  const tasks = Object.entries(taskScores(result, rows, metrics));
  return {
    method: method.name,
    ...(adapter !== undefined && { adapter }),
    rows: answers.length,
    ...metricsReport(resultScores(result, rows, metrics)),
    ...(tasks.length > 0 && {
      tasks: Object.fromEntries(tasks.map(([task, scores]) => [task, metricsReport(scores)])),
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
      result.eachReward && {
        rewards: result.eachReward.map(({ name, weight, passMark, scores }) => {
          const { mean, spread, passed } = rewardScores(scores, passMark);
          return { name, weight, mean, std: spread, full_marks: passed.count };
        }),
      }),
    ...(detail?.answer !== undefined && { answer: detail.answer, share_of_training: detail.share }),
    ...(detail?.shots && { shots: detail.shots, prompt_tokens: detail.promptTokens }),
    seconds,
    ...(stopped && { stopped }),
  };
}

/** A method in report.json that could not be measured. */
export const failureReport = ({ method, adapter, error }: MethodFailure): object => ({
  method: method.name,
  ...(adapter !== undefined && { adapter }),
  failed: messageOf(error),
});

export interface Judged {
  readonly verdict: Verdict;
  /** Each adapter against the best method without tuning, row by row. */
  readonly comparisons: readonly {
    readonly adapter: string;
    readonly against: string;
    readonly only_adapter: number;
    readonly only_other: number;
    /** The p-value of the exact McNemar test. */
    readonly p: number;
  }[];
}

/** Undefined unless the base model and an adapter were measured completely. */
export function judgeResults(
  rows: readonly AskedRow[],
  results: readonly MethodResult[],
  draw: Draw,
): Judged | undefined {
  const whole = results.filter(({ stopped }) => !stopped);
  const found = (method: Method): MethodResult | undefined =>
    whole.find((result) => result.method === method);
  const untuned = found(base);
  const tuned = whole.filter(({ method }) => method === adapterMethod);
  if (!untuned || tuned.length === 0) return undefined;
  const { answers, loss } = untuned;
  const isRight = (result: Pick<MethodResult, 'answers'>): boolean[] =>
    rows.map(({ expected }, at) => isExactMatch(result.answers[at], expected));
  const shareOf = (result: MethodResult): Share => exactMatch.aggregate(isRight(result).map(Number)).share;
  const rules = whole
    .filter(({ method }) => method.kind === 'rule')
    .map((result) => ({
      rule: result.method.name,
      exact: shareOf(result),
      answers: result.answers,
      ...(result.detail?.answer !== undefined && {
        answer: result.detail.answer,
        share: result.detail.share,
      }),
    }));
  const measured = tuned.map((result) => {
    const comparison: Comparison = {
      origin: { adapter: {} },
      draw,
      seen: result.seen ?? 'folder',
      rows: rows.map(({ input, expected }, at) => ({
        prompt: input,
        expected,
        base: answers[at],
        tuned: result.answers[at],
      })),
      ...(loss && { base: loss }),
      ...(result.loss && { tuned: result.loss }),
      ...(untuned.general && result.general && { general: { base: untuned.general, tuned: result.general } }),
      ...(result.forgetting && { forgetting: result.forgetting }),
      exact: { base: shareOf(untuned), tuned: shareOf(result) },
      ...(untuned.rewards &&
        result.rewards && {
          rewards: {
            ...{ base: untuned.rewards, tuned: result.rewards },
            ...(result.chosenRewards && { chosen: result.chosenRewards }),
          },
        }),
      ...(untuned.likelihoods &&
        result.likelihoods && { pairs: { base: untuned.likelihoods, tuned: result.likelihoods } }),
      rules,
    };
    return { name: result.adapter ?? '', result: comparison };
  });
  const prompted = found(fewShot);
  const few = prompted && {
    shots: prompted.detail?.shots ?? [],
    rows: rows.map(({ input, expected }, at) => ({ prompt: input, expected, answer: prompted.answers[at] })),
    exact: shareOf(prompted),
    ...(prompted.loss && { loss: prompted.loss }),
    ...(prompted.rewards && { rewards: prompted.rewards }),
  };
  const best = reference(methodsOf(measured[0].result, few));
  const isCompared = rows.some((row) => row.expected !== '');
  return {
    verdict: judge(measured, few),
    // Answers to prompts alone are neither right nor wrong.
    comparisons: (isCompared ? measured : []).map(({ name, result }) => {
      const right = isRight({ answers: result.rows.map((row) => row.tuned) });
      const { onlyFirst, onlySecond, p } = compare(right, best.right ?? []);
      return { adapter: name, against: best.key, only_adapter: onlyFirst, only_other: onlySecond, p };
    }),
  };
}
