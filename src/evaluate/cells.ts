/** The cells of a table of methods, as text. */
import { percent, plural, threeDigits } from '../numbers.ts';
import type { Proportion } from '../proportion.ts';
import type { Scorer } from '../scorers/scorer.ts';
import type { Scores } from '../scorers/scores.ts';
import type { Interval } from './bootstrap.ts';
import { groundingOf } from './grounding.ts';
import { adapterFewShot } from './methods/few-shot.ts';
import { adapterRetrieval } from './methods/retrieval.ts';
import { rewardScoresOf } from './report.ts';
import { seedScores, type SeedGroup } from './seeds.ts';
import type { Side } from './sides.ts';

/** The value of a scorer, with the 95% interval if that is known; for a share also the rows. */
export function scoreCell(
  metric: Scorer,
  scores: Scores,
  intervals: Readonly<Record<string, Interval>> = {},
): string {
  const score = scores[metric.name];
  if (!score) return '–';
  const interval = intervals[metric.name] as Interval | undefined;
  if (score.share) return shareCell({ ...score.share, ...(interval && { interval }) });
  const ends = interval ? ` (${interval.map(metric.format).join(' to ')})` : '';
  return `${metric.format(score.value)}${ends}`;
}

/** The mean of a metric over the seeds of a recipe, with its 95% interval over the rows and its range over the seeds. */
export function seedCell(metric: Scorer, family: SeedGroup): string {
  const scores = seedScores(family, metric);
  if (!scores) return '–';
  const { mean, lowest, highest, interval, of } = scores;
  const counted = (share: number): string => String(Number((share * (of ?? 1)).toFixed(1)));
  const [show, end] = of === undefined ? [metric.format, metric.format] : [counted, percent];
  const ends = interval ? ` (${interval.map(end).join(' to ')})` : '';
  return `${show(mean)}${of === undefined ? '' : ` of ${of}`}${ends}, seeds ${show(lowest)} to ${show(highest)}`;
}

/** The mean reward, its standard deviation over the rows, and the answers that pass. */
export const REWARD_COLUMNS = ['reward', 'spread', 'passed'];

/** A cell for each of {@link REWARD_COLUMNS}; dashes if nothing was scored by rewards. */
export function rewardCells(side: Side): string[] {
  const scores = rewardScoresOf(side);
  return scores
    ? [threeDigits(scores.mean), threeDigits(scores.spread), shareCell(scores.passed)]
    : REWARD_COLUMNS.map(() => '–');
}

/** A number of rows with its 95% interval. */
export const shareCell = ({ count, total, interval }: Omit<Proportion, 'fraction'>): string =>
  `${count} of ${total} (${percent(interval[0])} to ${percent(interval[1])})`;

/** Columns of answers next to documents; `groundingCells` gives a cell for each. */
export const GROUNDING_COLUMNS = [
  'passages found',
  'answers from passages',
  'wrongly refused',
  'wrongly answered',
  'prompt tokens',
  'answer tokens',
  's per answer',
  'passages in window',
];

/** What the columns count, for a paragraph under the table. */
export const GROUNDING_WORDS =
  'Passages found is the share of the passages that rows name which stood before the question. An answer is from passages if at least four of five of its words, without the commonest, are in its passages; refusals are left out. Wrongly refused: of the rows that have an answer. Wrongly answered: of the rows whose reference answer is that the documents do not say. Tokens and seconds are means over answers; seconds include the search.';

/** Dashes for what was not measured. */
export function groundingCells(side: Side): string[] {
  const grounding = groundingOf(side);
  if (!grounding) return GROUNDING_COLUMNS.map(() => '–');
  const { recall, fromPassages, wronglyRefused, wronglyAnswered, windowShare } = grounding;
  const share = (of: Proportion | undefined): string => (of && of.total > 0 ? shareCell(of) : '–');
  const number = (of: number | undefined): string => (of === undefined ? '–' : threeDigits(of));
  return [
    recall ? percent(recall.value) : '–',
    share(fromPassages),
    share(wronglyRefused),
    share(wronglyAnswered),
    number(grounding.promptTokens),
    number(grounding.answerTokens),
    number(grounding.seconds),
    windowShare === undefined ? '–' : percent(windowShare),
  ];
}

/** The label of a subject in the table. */
export function nameOf({ subject: { label, method, detail, stopped }, answers }: Side): string {
  const behind =
    method === adapterFewShot.name
      ? `, with ${plural(detail?.shots?.length ?? 0, 'example')}`
      : method === adapterRetrieval.name
        ? ', with passages'
        : '';
  return `${label}${behind}${stopped ? `, stopped after ${plural(answers.length, 'row')}` : ''}`;
}
