/** Rows that a method gains and loses against another one, usually the base model: the change in both directions, and what chance would do. */
import type { Interval } from './bootstrap.ts';
import { clustersOf } from './clusters.ts';
import { meanStatistic, rowIntervals } from './intervals.ts';
import { compare } from './paired.ts';
import { rowsNeeded } from './rows-needed.ts';
import { baseOf, sideOf, type Side } from './sides.ts';
import type { Evaluation } from './record.ts';

export interface Flips {
  readonly side: Side;
  /** The share of right rows, less that of the reference. */
  readonly difference: number;
  /** 95% over the changes of the rows, or the groups that they belong to, as `rowIntervals` has it. */
  readonly interval: Interval | undefined;
  readonly both: number;
  readonly onlyThis: number;
  readonly onlyBase: number;
  readonly neither: number;
  /** The p-value of the exact McNemar test; with groups, of the exact sign-flip test over them. */
  readonly p: number;
  /** Rows on which a difference of this size would be seen four times of five; undefined if there is none, or 2,000 are too few. */
  readonly rowsNeeded: number | undefined;
}

/** A difference of two shares in points, with its sign. */
export const points = (share: number): string =>
  `${share < 0 ? '−' : share > 0 ? '+' : ''}${Math.abs(100 * share).toFixed(1)}`;

const RESAMPLES = 10_000;
const DEFAULT_SEED = 42;
/** A row that only the other one gets right, and one that only this one does. */
const CHANGES = [-1, 1] as const;
/** Larger differences need no more rows than this one. */
const MAX_DIFFERENCE = 0.85;

/**
 * Every other method that answered the same rows; none if no answer is right or wrong.
 *
 * @param base what the others are compared with, of the same record
 * @param resamples of the bootstrap
 */
export function flipsOf(record: Evaluation, base = baseOf(record), resamples = RESAMPLES): Flips[] {
  const before = base?.right;
  if (!base || !before || !record.items.some(({ expected }) => expected !== '')) return [];
  const others = record.subjects.flatMap((_, at) => {
    const side = sideOf(record, at);
    return at !== base.at && side.right?.length === before.length && before.length > 0 ? [side] : [];
  });
  const clusters = clustersOf(record, before.length);
  const changes = others.map(({ right = [] }) => right.map((is, at) => Number(is) - Number(before[at])));
  const intervals =
    changes.length === 0
      ? []
      : rowIntervals(
          before.length,
          record.made.draw?.seed ?? DEFAULT_SEED,
          changes.map((change) => meanStatistic(change, CHANGES)),
          { most: resamples, clusters },
        );
  return others.map((side, at): Flips => {
    const { both, onlyFirst, onlySecond, neither, p } = compare(side.right ?? [], before, clusters);
    const difference = (onlyFirst - onlySecond) / before.length;
    return {
      ...{ side, difference, interval: intervals[at], both, neither, p },
      ...{ onlyThis: onlyFirst, onlyBase: onlySecond },
      rowsNeeded: difference === 0 ? undefined : rowsNeeded(Math.min(Math.abs(difference), MAX_DIFFERENCE)),
    };
  });
}
