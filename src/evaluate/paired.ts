/** Two methods on the same rows: the rows that only one gets right, and whether that may be chance. */

import type { Clusters } from './clusters.ts';
import { signFlipTest } from './sign-flip.ts';

interface Paired {
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
  /** The probability of a split at least this uneven if both methods are equally good; 1 if no rows differ. */
  readonly p: number;
}

/**
 * @param first whether the first method is right, row by row; `second` of the same rows in the same order
 * @param clusters groups of rows that are not independent: then p is that of the exact sign-flip test over groups
 * @throws RangeError if the two have different numbers of rows
 */
export function compare(first: readonly boolean[], second: readonly boolean[], clusters?: Clusters): Paired {
  if (first.length !== second.length)
    throw new RangeError(`${first.length} rows are compared with ${second.length}`);
  const count = (a: boolean, b: boolean): number =>
    first.filter((right, at) => right === a && second[at] === b).length;
  const onlyFirst = count(true, false);
  const onlySecond = count(false, true);
  return {
    both: count(true, true),
    onlyFirst,
    onlySecond,
    neither: count(false, false),
    p: clusters
      ? signFlipTest(
          first.map((right, at) => Number(right) - Number(second[at])),
          clusters,
        )
      : mcnemar(onlyFirst, onlySecond),
  };
}

/** A score of each row; a row without one counts for nothing. */
export type RowScores = readonly (number | null | undefined)[];

/** On how many rows each of two methods scores higher. */
export interface Leads {
  readonly first: number;
  readonly second: number;
  /** The rows for which both have a score: only these are compared. */
  readonly compared: number;
  readonly rows: number;
  /** As in {@link Paired}; the same number for scores of 0 and 1. */
  readonly p: number;
}

/**
 * The same for scores of any height: rows with equal scores show nothing (sign test).
 *
 * @param first of all rows, also those without a score; `second` of the same rows in the same order
 * @throws RangeError as {@link compare}
 */
export function compareScores(first: RowScores, second: RowScores): Leads {
  const changes = changesOf(first, second).flatMap((change) => change ?? []);
  const ahead = changes.filter((change) => change < 0).length;
  const behind = changes.filter((change) => change > 0).length;
  return {
    ...{ first: ahead, second: behind, p: mcnemar(ahead, behind) },
    ...{ compared: changes.length, rows: first.length },
  };
}

/** The second score less the first, row by row; null unless both have one. @throws RangeError as {@link compare} */
export function changesOf(first: RowScores, second: RowScores): (number | null)[] {
  if (first.length !== second.length)
    throw new RangeError(`${first.length} rows are compared with ${second.length}`);
  return first.map((score, at) => {
    const other = second[at];
    return typeof score === 'number' && typeof other === 'number' ? other - score : null;
  });
}

/**
 * The exact McNemar test (McNemar, Psychometrika 12, 1947): of the rows that only one method gets right, each is like a fair coin if both
 * are equally good. Two-sided: twice the smaller tail of that binomial distribution, at most 1.
 */
export function mcnemar(onlyFirst: number, onlySecond: number): number {
  const n = onlyFirst + onlySecond;
  // Logarithms: 2⁻ⁿ is no double from 1,075 rows on.
  let term = -n * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= Math.min(onlyFirst, onlySecond); k++) {
    tail += Math.exp(term);
    term += Math.log((n - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}
