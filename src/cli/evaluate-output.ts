/** What `graft evaluate` prints: a table of methods, and a verdict. */
import { taskNames } from '../evaluate/by-task.ts';
import {
  GROUNDING_COLUMNS,
  GROUNDING_WORDS,
  groundingCells,
  nameOf,
  REWARD_COLUMNS,
  rewardCells,
  scoreCell,
  seedCell,
} from '../evaluate/cells.ts';
import { groupsInWords } from '../evaluate/clusters.ts';
import { familiesOf, withFamilies } from '../evaluate/seeds.ts';
import { CHOICE_COLUMNS, choiceCells, choiceReport } from '../evaluate/choice-report.ts';
import { metricsOf, metricsOfTask } from '../evaluate/columns.ts';
import { squaresOf } from '../evaluate/documents-weights.ts';
import { hasPassages, searchInWords } from '../evaluate/grounding.ts';
import { intervalsOf } from '../evaluate/intervals.ts';
import { eachReward, sideOf, type Side } from '../evaluate/sides.ts';
import type { Evaluation } from '../evaluate/record.ts';
import type { JudgedMethod } from '../evaluate/report.ts';
import { whoInWords } from './evaluate-session-rows.ts';
import { ownNamesInWords } from '../scorers/chosen.ts';
import type { Scorer } from '../scorers/scorer.ts';
import { rewardScores } from '../evaluate/reward-scores.ts';
import { threeDigits } from '../numbers.ts';
import { printable } from '../printable.ts';

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

/** A line for each method, and each part of one, that could not be measured, with the reason. */
const failureLines = ({ subjects }: Evaluation): string =>
  subjects
    .flatMap(({ label, method, failed, lacks = [] }) => {
      const name = whoInWords(method, label);
      return [
        ...(failed === undefined ? [] : [`${name}  failed: ${failed}\n`]),
        ...lacks.map((part) => `${name}  ${part.name} failed: ${part.reason}\n`),
      ];
    })
    .join('');

/** The tables of a record as printed: its methods, what failed, and rewards and tasks if it has several. */
export function recordText(record: Evaluation, metrics: readonly Scorer[]): string {
  const sides = record.subjects.flatMap(({ failed }, at) =>
    failed === undefined ? [sideOf(record, at)] : [],
  );
  return [
    resultTable(sides, metrics, record),
    ownNames(metrics),
    seedTable(record, metrics),
    groupsLine(record),
    failureLines(record),
    choiceTable(sides),
    groundingTable(record, sides),
    rewardTable(sides),
    taskTables(sides, metrics),
  ].join('');
}

/** A line for each metric whose name does not show its settings. */
export const ownNames = (metrics: readonly Scorer[]): string =>
  ownNamesInWords(metrics)
    .map((line) => `${printable(line)}\n`)
    .join('');

/** How answers stand to the documents, and whether these or weights are better; '' without a method with passages. */
function groundingTable(record: Evaluation, sides: readonly Side[]): string {
  if (!hasPassages(record)) return '';
  const lines = sides.map((side) => [nameOf(side), ...groundingCells(side)]);
  const squares = squaresOf(record).map(
    ({ adapter, sentence }, _, all) =>
      `\n${adapter !== undefined && all.length > 1 ? `${adapter}: ` : ''}${sentence}\n`,
  );
  const how = searchInWords(record);
  return `\n${textTable(['documents', ...GROUNDING_COLUMNS], lines)}${GROUNDING_WORDS}\n${how === undefined ? '' : `${how}\n`}${squares.join('')}`;
}

/** Each seed of a recipe that the table has as one line; '' if there is none. */
function seedTable(record: Evaluation, metrics: readonly Scorer[]): string {
  return familiesOf(record)
    .map(({ label, members, seeds }) => {
      const lines = members.map((side, at) => [
        `${nameOf(side)}, seed ${seeds[at]}`,
        ...metrics.map((metric) => scoreCell(metric, metricsOf(side, metrics))),
      ]);
      return `\n${textTable([label, ...metrics.map(({ heading }) => heading)], lines)}`;
    })
    .join('');
}

/** What intervals and tests count, if rows share groups; '' if they are single rows. */
function groupsLine(record: Evaluation): string {
  const groups = groupsInWords(record);
  return groups === undefined
    ? ''
    : `\nRows of a group are not independent: intervals and tests draw ${groups}.\n`;
}

function resultTable(sides: readonly Side[], metrics: readonly Scorer[], record: Evaluation): string {
  const hasGeneral = sides.some(({ subject }) => subject.general !== undefined);
  const hasRewards = sides.some(({ rewards }) => rewards !== undefined);
  return textTable(
    [
      ...['method', ...(hasRewards ? REWARD_COLUMNS : [])],
      ...metrics.map(({ heading }) => heading),
      ...(hasGeneral ? ['on general text'] : []),
    ],
    withFamilies(sides, familiesOf(record)).map((side) => {
      if ('members' in side)
        return [
          ...[side.label, ...(hasRewards ? REWARD_COLUMNS.map(() => '–') : [])],
          ...metrics.map((metric) => seedCell(metric, side)),
          ...(hasGeneral ? ['–'] : []),
        ];
      const scores = metricsOf(side, metrics);
      const intervals = intervalsOf(side, scores, metrics);
      const { general } = side.subject;
      return [
        nameOf(side),
        ...(hasRewards ? rewardCells(side) : []),
        ...metrics.map((metric) => scoreCell(metric, scores, intervals)),
        ...(hasGeneral ? [general ? threeDigits(general.perplexity) : '–'] : []),
      ];
    }),
  );
}

/** What the likelihoods of choices say; '' if answers were generated. */
function choiceTable(sides: readonly Side[]): string {
  const lines = sides.flatMap((side): string[][] => {
    const found = choiceReport(side);
    return found ? [[nameOf(side), ...choiceCells(found)]] : [];
  });
  return lines.length === 0 ? '' : `\n${textTable(['chosen by likelihood', ...CHOICE_COLUMNS], lines)}`;
}

/** What each of several rewards gives every method; '' for a single one, which the table of methods has. */
function rewardTable(sides: readonly Side[]): string {
  const all = sides.map((side) => ({ side, each: eachReward(side) }));
  const first = all.at(0)?.each ?? [];
  if (first.length < 2) return '';
  const lines = first.flatMap(({ name, weight }, at) =>
    all.flatMap(({ side, each }): string[][] => {
      const own = each[at];
      if (own.scores.length === 0) return [];
      const { mean, spread, passed } = rewardScores(own.scores, own.passMark);
      const named = weight === 1 ? name : `${name} × ${weight}`;
      return [
        [named, nameOf(side), threeDigits(mean), threeDigits(spread), `${passed.count} of ${passed.total}`],
      ];
    }),
  );
  return `\n${textTable(['each reward, before its weight', 'method', 'mean', 'spread', 'passed'], lines)}`;
}

/** A table for each task of a mixture; '' without a mixture. */
function taskTables(sides: readonly Side[], metrics: readonly Scorer[]): string {
  const tasks = sides.length === 0 ? [] : taskNames(sides[0].record.items);
  return tasks
    .map((task) => {
      const lines = sides.map((side) => {
        const scores = metricsOfTask(side, task, metrics);
        return [nameOf(side), ...metrics.map((metric) => scoreCell(metric, scores))];
      });
      return `\n${textTable([`Task ${task}`, ...metrics.map(({ heading }) => heading)], lines)}`;
    })
    .join('');
}

export function verdictText({ verdict: { before, number, after, how, caution } }: JudgedMethod): string {
  return [`${before}${number}${after}`, how, caution]
    .filter((text) => text !== '')
    .map((text) => `\n${text}\n`)
    .join('');
}
