/** What `graft evaluate` prints: a table of methods, and a verdict. */
import type { AskedRow, Judged, MethodFailure, MethodResult } from '../evaluate/report.ts';
import { messageOf } from '../errors.ts';
import { taskNames } from '../evaluate/by-task.ts';
import { resultScores, rewardScoresOf, taskScores } from '../evaluate/report.ts';
import { adapterFewShot } from '../evaluate/methods/few-shot.ts';
import type { Proportion } from '../evaluate/proportion.ts';
import type { Metric } from '../evaluate/metrics/metric.ts';
import { rewardScores } from '../evaluate/reward-scores.ts';
import type { Scores } from '../evaluate/metrics/scores.ts';
import { percent, plural, threeDigits } from '../numbers.ts';
import { printable } from './printable.ts';

/** Printable columns that are as wide as their widest cell; all but the first are aligned at the right. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, at) => Math.max(...cells.map((row) => row[at].length)));
  return cells
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** The value of a metric; for a share also the rows and the 95% interval. */
export function scoreCell(metric: Metric, scores: Scores): string {
  const score = scores[metric.name];
  if (!score) return '–';
  if (!score.share) return metric.format(score.value);
  return shareCell(score.share);
}

/** The mean reward, its standard deviation over the rows, and the answers that pass. */
const REWARD_COLUMNS = ['reward', 'spread', 'passed'];

function rewardCells(result: MethodResult): string[] {
  const scores = rewardScoresOf(result);
  return scores
    ? [threeDigits(scores.mean), threeDigits(scores.spread), shareCell(scores.passed)]
    : REWARD_COLUMNS.map(() => '–');
}

/** A number of rows with its 95% interval. */
export const shareCell = ({ count, total, interval }: Omit<Proportion, 'fraction'>): string =>
  `${count} of ${total} (${percent(interval[0])} to ${percent(interval[1])})`;

/** The label of a result in the table. */
export function resultName({ method, adapter, answers, detail, stopped }: MethodResult): string {
  const examples = method === adapterFewShot ? `, with ${plural(detail?.shots?.length ?? 0, 'example')}` : '';
  return `${adapter ?? method.title}${adapter === undefined ? '' : examples}${stopped ? `, stopped after ${plural(answers.length, 'row')}` : ''}`;
}

const failedName = ({ method, adapter }: MethodFailure): string =>
  adapter === undefined ? method.title : method === adapterFewShot ? `${adapter}, with examples` : adapter;

/** A line for each method that could not be measured, with the reason. */
export const failureLines = (failures: readonly MethodFailure[]): string =>
  failures.map((one) => `${failedName(one)}  failed: ${messageOf(one.error)}\n`).join('');

export function resultTable(
  results: readonly MethodResult[],
  rows: readonly AskedRow[],
  metrics: readonly Metric[],
): string {
  const hasGeneral = results.some(({ general }) => general !== undefined);
  const hasRewards = results.some(({ rewards }) => rewards !== undefined);
  return textTable(
    [
      ...['method', ...(hasRewards ? REWARD_COLUMNS : [])],
      ...metrics.map(({ heading }) => heading),
      ...(hasGeneral ? ['on general text'] : []),
    ],
    results.map((result) => {
      const scores = resultScores(result, rows, metrics);
      const general = result.general ? threeDigits(result.general.perplexity) : '–';
      return [
        resultName(result),
        ...(hasRewards ? rewardCells(result) : []),
        ...metrics.map((metric) => scoreCell(metric, scores)),
        ...(hasGeneral ? [general] : []),
      ];
    }),
  );
}

/** What each of several rewards gives every method; '' for a single one, which the table of methods has. */
export function rewardTable(results: readonly MethodResult[]): string {
  const [first] = results.flatMap(({ eachReward }) => (eachReward ? [eachReward] : []));
  if (!first || first.length < 2) return '';
  const lines = first.flatMap(({ name, weight }, at) =>
    results.flatMap((result): string[][] => {
      const own = result.eachReward?.[at];
      if (!own || own.scores.length === 0) return [];
      const { mean, spread, passed } = rewardScores(own.scores, own.passMark);
      const named = weight === 1 ? name : `${name} × ${weight}`;
      return [
        [
          named,
          resultName(result),
          threeDigits(mean),
          threeDigits(spread),
          `${passed.count} of ${passed.total}`,
        ],
      ];
    }),
  );
  return `\n${textTable(['each reward, before its weight', 'method', 'mean', 'spread', 'full marks'], lines)}`;
}

/** A table for each task of a mixture; '' without a mixture. */
export function taskTables(
  results: readonly MethodResult[],
  rows: readonly AskedRow[],
  metrics: readonly Metric[],
): string {
  return taskNames(rows)
    .map((task) => {
      const lines = results.map((result) => {
        const scores = taskScores(result, rows, metrics)[task] ?? {};
        return [resultName(result), ...metrics.map((metric) => scoreCell(metric, scores))];
      });
      return `\n${textTable([`Task ${task}`, ...metrics.map(({ heading }) => heading)], lines)}`;
    })
    .join('');
}

export function verdictText({ verdict: { before, number, after, how, caution } }: Judged): string {
  return [`${before}${number}${after}`, how, caution]
    .filter((text) => text !== '')
    .map((text) => `\n${text}\n`)
    .join('');
}
