/** Shares of right rows. The first screen reads exact matches of a record, so this file stays small. */
import { proportion } from '../../proportion.ts';

/** The scorer that a verdict counts by. */
export const EXACT_MATCH = 'exact-match';

/** The share of scores that are 1, with its 95% interval. */
export function shareOf(scores: readonly number[]) {
  const { count, total, fraction, interval } = proportion(
    scores.filter((score) => score === 1).length,
    scores.length,
  );
  return { value: fraction, share: { count, total, interval } };
}
