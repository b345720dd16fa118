/**
 * The 2 × 2 of an evaluation: knowledge from documents (passages in the prompt) or not, and from weights (an adapter) or not, on the same rows by the
 * same score. Differences have a 95% interval over the changes of the rows.
 */
import { exactMatch } from '../scorers/exact-match.ts';
import type { Scorer } from '../scorers/scorer.ts';
import { tokenF1 } from '../scorers/token-f1.ts';
import { plural } from '../numbers.ts';
import { clustersOf } from './clusters.ts';
import type { Interval } from './bootstrap.ts';
import { scoresIn } from './columns.ts';
import { meanOf, meanStatistic, rowIntervals } from './intervals.ts';
import { adapter } from './methods/adapter.ts';
import { base } from './methods/base.ts';
import { adapterRetrieval, retrieval } from './methods/retrieval.ts';
import type { Evaluation } from './record.ts';
import { sidesOf, type Side } from './sides.ts';
import { usualMetric } from './tuned-table.ts';

const RESAMPLES = 10_000;
const DEFAULT_SEED = 42;

/** The four methods: `neither` is the base model with the question alone. */
export const CELLS = ['neither', 'documents', 'weights', 'both'] as const;
export type CellName = (typeof CELLS)[number];

/** The mean of the scores, with its interval over the rows. */
interface Cell {
  readonly value: number;
  readonly interval: Interval | undefined;
  readonly scores: readonly (number | null)[];
}

/** One less the other. */
export interface Difference {
  readonly of: CellName;
  readonly less: CellName;
  readonly value: number;
  readonly interval: Interval | undefined;
}

export interface Square {
  /** The adapter, if there are several or one. */
  readonly adapter: string | undefined;
  readonly metric: Scorer;
  readonly rows: number;
  /** Missing if a method was not measured whole. */
  readonly cells: Readonly<Partial<Record<CellName, Cell>>>;
  readonly differences: readonly Difference[];
  /** The answer in one sentence, with its uncertainty. */
  readonly sentence: string;
}

/** A square for each adapter that was asked, or one without weights; none unless passages were measured whole, and something next to them. */
export function squaresOf(record: Evaluation): Square[] {
  const whole = (method: string): Side[] => sidesOf(record, method).filter(({ subject }) => !subject.stopped);
  const [neither] = whole(base.name);
  const [documents] = whole(retrieval.name);
  const tuned = new Set([adapter, adapterRetrieval].flatMap(({ name }) => whole(name).map(labelOf)));
  const labels = tuned.size > 0 ? [...tuned] : [undefined];
  return labels.flatMap((label): Square[] => {
    const of = (method: string): Side | undefined => whole(method).find((side) => labelOf(side) === label);
    const [weights, both] =
      label === undefined ? [undefined, undefined] : [of(adapter.name), of(adapterRetrieval.name)];
    const sides = { neither, documents, weights, both } as Readonly<Record<CellName, Side | undefined>>;
    const measured = CELLS.flatMap((name) => sides[name] ?? []);
    const hasDocuments = sides.documents !== undefined || sides.both !== undefined;
    return hasDocuments && measured.length > 1 && record.items.length > 0
      ? [squareOf(record, sides, label)]
      : [];
  });
}

const labelOf = ({ subject }: Side): string => subject.label;

function squareOf(
  record: Evaluation,
  sides: Readonly<Record<CellName, Side | undefined>>,
  label: string | undefined,
): Square {
  const names = CELLS.filter((name) => sides[name] !== undefined);
  const measured = names.map((name) => sides[name]!);
  // Nobody writes a passage's words exactly as the reference has them.
  const metric = usualMetric(record, measured) === exactMatch ? exactMatch : tokenF1;
  const scores = measured.map((side) => scoresIn(side, metric.name) ?? []);
  const pairs = PAIRS.filter(([of, less]) => names.includes(of) && names.includes(less));
  const at = (name: CellName): readonly (number | null)[] => scores[names.indexOf(name)];
  const changes = pairs.map(([of, less]) =>
    at(of).map((score, row) => {
      const other = at(less)[row];
      return score === null || other === null ? null : score - other;
    }),
  );
  const all = Uint32Array.from(record.items.keys());
  const intervals = rowIntervals(
    record.items.length,
    record.made.draw?.seed ?? DEFAULT_SEED,
    [
      ...scores.map((values) => meanStatistic(values, [0, 1])),
      ...changes.map((values) => meanStatistic(values, [-1, 1])),
    ],
    { most: RESAMPLES, clusters: clustersOf(record, record.items.length) },
  );
  const cells = Object.fromEntries(
    names.map((name, i) => [
      name,
      { value: meanOf(scores[i], all), interval: intervals[i], scores: scores[i] },
    ]),
  ) as Square['cells'];
  const differences = pairs.map(([of, less], i) => ({
    ...{ of, less },
    value: meanOf(changes[i], all),
    interval: intervals[scores.length + i],
  }));
  const square = { adapter: label, metric, rows: record.items.length, cells, differences };
  return { ...square, sentence: sentenceOf(square) };
}

/** What is compared, the question of the square first. */
const PAIRS: readonly (readonly [of: CellName, less: CellName])[] = [
  ['documents', 'weights'],
  ['documents', 'neither'],
  ['weights', 'neither'],
  ['both', 'documents'],
  ['both', 'weights'],
  ['both', 'neither'],
];

const NAMES: Readonly<Record<CellName, string>> = {
  neither: 'the base model',
  documents: 'documents',
  weights: 'weights',
  both: 'both together',
};

type Compared = Omit<Square, 'sentence'>;

/** Which of two is better and by how much; then whether both together are better than that one. */
function sentenceOf(square: Compared): string {
  const { cells, rows, differences } = square;
  const [main] = differences;
  const first = `On ${plural(rows, 'row')} ${claimOf(square, main)}`;
  if (main.of !== 'documents' || main.less !== 'weights' || !cells.both) return `${first}.`;
  const better = main.value >= 0 ? 'documents' : 'weights';
  const more = differences.find(({ of, less }) => of === 'both' && less === better)!;
  const chance = isSure(more) ? '' : ', which may be chance';
  return `${first}; both together have ${shown(square, cells.both.value)}, ${changeInWords(square, more)} against ${better}${chance}.`;
}

/** Whether the interval leaves out 0. */
const isSure = ({ interval }: Difference): boolean =>
  interval !== undefined && (interval[0] > 0 || interval[1] < 0);

/** Two cells: the better one first. */
function claimOf(square: Compared, difference: Difference): string {
  const { of, less, value, interval } = difference;
  const isFirst = value >= 0;
  const [winner, loser] = isFirst ? [of, less] : [less, of];
  const turned = isFirst
    ? difference
    : { ...difference, value: -value, interval: interval && ([-interval[1], -interval[0]] as const) };
  const { cells, metric } = square;
  const numbers = `${metric.heading} ${shown(square, cells[winner]!.value)} and ${shown(square, cells[loser]!.value)}, ${changeInWords(square, turned)}`;
  return isSure(difference)
    ? `${NAMES[winner]} beat ${NAMES[loser]}: ${numbers}`
    : `${NAMES[winner]} and ${NAMES[loser]} are even: ${numbers}`;
}

const changeInWords = (square: Compared, { value, interval }: Difference): string =>
  `${signed(square, value)}${interval ? ` (95% interval ${signed(square, interval[0])} to ${signed(square, interval[1])})` : ''}`;

const shown = ({ metric }: Pick<Square, 'metric'>, value: number): string => metric.format(value);

const signed = (square: Pick<Square, 'metric'>, value: number): string =>
  `${value < 0 ? '−' : '+'}${shown(square, Math.abs(value))}`;

/** For `report.json`. */
export const squareNumbers = ({
  adapter: label,
  metric,
  rows,
  cells,
  differences,
  sentence,
}: Square): object => ({
  ...(label !== undefined && { adapter: label }),
  ...{ metric: metric.name, rows },
  cells: Object.fromEntries(
    CELLS.flatMap((name) => {
      const cell = cells[name];
      return cell ? [[name, { value: cell.value, interval: cell.interval }]] : [];
    }),
  ),
  differences: differences.map(({ of, less, value, interval }) => ({ of, less, value, interval })),
  sentence,
});
