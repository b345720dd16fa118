/** The answers of a record one by one: in the order of a score, and in slices, each with the scores of its rows. */
import { REWARD, type Evaluation } from './record.ts';
import type { Interval } from './bootstrap.ts';
import { clustersOf } from './clusters.ts';
import { scorersOf, scoresIn } from './columns.ts';
import { meanStatistic, rowIntervals } from './intervals.ts';
import type { RowScores } from './paired.ts';
import type { Side } from './sides.ts';
import { rangeIn, type Scorer } from '../scorers/scorer.ts';
import { isOfCorpus } from '../scorers/lists.ts';
import { plural, threeDigits } from '../numbers.ts';

/** `worst`: by the score; `improved` and `damaged`: by its change against the other side; `file`: as the rows stand in their file. */
export type AnswerOrder = 'file' | 'worst' | 'improved' | 'damaged';

/** A score that each answer of a record has. */
export interface RowScorer {
  readonly name: string;
  readonly label: string;
  readonly better: 'higher' | 'lower';
  /** The least and the most that a row can get; missing if that is not known. */
  readonly range?: Scorer['range'];
  readonly format: (value: number) => string;
}

/** The scorers by which the answers of a side can be ordered. The score of a corpus is not the mean of its rows, and has none. */
export function rowScorersOf(side: Side): RowScorer[] {
  const { scorers } = side.record;
  const metrics = scorersOf(side.record).flatMap((scorer): RowScorer[] => {
    const scores = isOfCorpus(scorer) ? undefined : scoresIn(side, scorer.name);
    if (!scores?.some((score) => score !== null)) return [];
    const { name, label, better, format } = scorer;
    const range = rangeIn(scorer, scores);
    return [{ name, label, better, format, ...(range && { range }) }];
  });
  const rewards = scorers.flatMap(({ name }): RowScorer[] =>
    name === REWARD || name.startsWith(`${REWARD}/`)
      ? [{ name, label: name, better: 'higher', format: threeDigits }]
      : [],
  );
  return [...metrics, ...rewards];
}

/**
 * The places of the rows in an order. Rows without a score come last, and equal rows keep the order of the file.
 *
 * @param scores of the side that is looked at @param others of the side that it is compared with
 */
export function inOrder(
  order: AnswerOrder,
  items: Evaluation['items'],
  better: RowScorer['better'],
  scores: RowScores,
  others: RowScores = [],
): number[] {
  const places = items.map((_, at) => at);
  if (items.every(({ row }) => row !== undefined))
    places.sort((a, b) => items[a].row! - items[b].row! || a - b);
  if (order === 'file') return places;
  const sign = better === 'higher' ? 1 : -1;
  /** The smallest comes first. */
  const keyOf = (at: number): number => {
    const score = scores[at] ?? null;
    if (score === null) return Infinity;
    if (order === 'worst') return sign * score;
    const other = others[at] ?? null;
    if (other === null) return Infinity;
    const gain = sign * (score - other);
    return order === 'damaged' ? gain : -gain;
  };
  const keys = items.map((_, at) => keyOf(at));
  return places.sort((a, b) => (keys[a] === keys[b] ? 0 : keys[a] - keys[b]));
}

/** `group`: rows that the split kept together. `source`: rows with the same value of the column “source”, where the split did not. */
export type SliceKind = 'label' | 'length' | 'group' | 'source' | 'task' | 'finding';

/** A group of rows. */
export interface Slice {
  readonly id: string;
  readonly kind: SliceKind;
  readonly name: string;
  /** Places in the record. */
  readonly rows: readonly number[];
}

/** Questions are divided into so many groups of about equal size by their length, each of at least so many rows. */
const LENGTHS = 3;
const MIN_LENGTH_ROWS = 2;
/** The most labels or groups that are listed: those with the most rows. */
const MAX_NAMES = 30;

/** @param findings places of the rows of each finding, by what it is called */
export function slicesOf(
  { items, made: { draw } }: Evaluation,
  findings: ReadonlyMap<string, readonly number[]> = new Map(),
): Slice[] {
  const slices = [
    ...(draw?.labels ? largest(grouped('label', items, ({ expected }) => expected.trim())) : []),
    ...byLength(items),
    ...(clustersOf({ items }, items.length) ? largest(grouped('group', items, ({ group }) => group)) : []),
    ...shared(grouped('source', items, ({ source }) => source)),
    ...grouped('task', items, ({ task }) => task),
  ];
  const found = [...findings].flatMap(([name, rows]): Slice[] =>
    rows.length > 0 ? [{ id: `finding ${name}`, kind: 'finding', name, rows }] : [],
  );
  return [...slices, ...found];
}

const largest = (slices: Slice[]): Slice[] =>
  slices.sort((a, b) => b.rows.length - a.rows.length).slice(0, MAX_NAMES);

/** The largest slices, unless each row has a source of its own. */
const shared = (slices: Slice[]): Slice[] =>
  slices.some(({ rows }) => rows.length > 1) ? largest(slices) : [];

function grouped(
  kind: SliceKind,
  items: Evaluation['items'],
  nameOf: (item: Evaluation['items'][number]) => string | undefined,
): Slice[] {
  const groups = new Map<string, number[]>();
  items.forEach((item, at) => {
    const name = nameOf(item);
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), at]);
  });
  return groups.size < 2
    ? []
    : [...groups].map(([name, rows]) => ({ id: `${kind} ${name}`, kind, name, rows }));
}

/** Rows by the characters of their questions. Equal lengths are never divided. */
function byLength(items: Evaluation['items']): Slice[] {
  const lengths = items.map(({ prompt }) => prompt.length);
  const sorted = [...lengths].sort((a, b) => a - b);
  if (sorted.length < LENGTHS * MIN_LENGTH_ROWS) return [];
  /** The longest question of each group. */
  const ends = [
    ...new Set(
      Array.from(
        { length: LENGTHS },
        (_, group) => sorted[Math.ceil(((group + 1) * sorted.length) / LENGTHS) - 1],
      ),
    ),
  ];
  if (ends.length < 2) return [];
  return ends.map((end, group): Slice => {
    const after = group === 0 ? -1 : ends[group - 1];
    const isLast = group === ends.length - 1;
    const name =
      group === 0
        ? `up to ${plural(end, 'character')}`
        : isLast
          ? `more than ${plural(after, 'character')}`
          : `${after + 1} to ${end} characters`;
    return {
      id: `length ${group}`,
      kind: 'length',
      name,
      rows: lengths.flatMap((length, at) => (length > after && length <= end ? [at] : [])),
    };
  });
}

/** The mean score of some rows. */
export interface SliceScore {
  /** Rows with a score. */
  readonly rows: number;
  readonly value: number;
  /**
   * 95%, as `rowIntervals` has it: Wilson's for a share of rows, else by bootstrap over the rows; where rows share groups, by bootstrap over groups.
   * Undefined if a single row or group has a score between the least and the most.
   */
  readonly interval: Interval | undefined;
}

const RESAMPLES = 1_000;

/**
 * @param range the least and the most that a row can get
 * @param items of the record, of which some may share a group
 * @returns undefined if no row has a score
 */
export function sliceScore(
  scores: RowScores,
  rows: readonly number[],
  range: Scorer['range'],
  seed: number,
  items: Evaluation['items'],
): SliceScore | undefined {
  const scored = rows.filter((at) => typeof scores[at] === 'number');
  const known = scored.map((at) => scores[at]!);
  if (known.length === 0) return undefined;
  const clusters = clustersOf({ items: scored.map((at) => items[at]) }, scored.length);
  const value = known.reduce((sum, score) => sum + score, 0) / known.length;
  const [interval] = rowIntervals(known.length, seed, [meanStatistic(known, range)], {
    most: RESAMPLES,
    clusters,
  });
  return { rows: known.length, value, interval };
}
