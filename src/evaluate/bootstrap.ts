/**
 * Intervals by resampling rows (Efron 1979; for scores of texts Koehn 2004): as many rows as there are, drawn with replacement, many times. All
 * statistics see the same draws, so a difference of two of them is the paired bootstrap.
 */
import { Random } from '../random.ts';
import type { Sample } from '../scorers/scorer.ts';

/** From this many on, the ends of the interval move by less than a hundredth of its width. */
const MAX_RESAMPLES = 10_000;
const MIN_RESAMPLES = 1_000;
/** Rows that are drawn for all resamples: about a second for a mean. */
const MAX_DRAWS = 2e7;

/** Half of the 5% outside of the interval. */
const TAIL = 0.025;

export type Interval = readonly [low: number, high: number];

/**
 * The 95% percentile interval of each statistic.
 *
 * @param rows how many there are, at least 1
 * @param statistics each of the indices of drawn rows; a draw for which one is NaN does not count for it
 * @param most how often rows are drawn at most
 * @returns undefined for a statistic that is NaN in every draw
 */
export function bootstrap(
  rows: number,
  seed: number,
  statistics: readonly ((sample: Sample) => number)[],
  most = MAX_RESAMPLES,
): (Interval | undefined)[] {
  const random = new Random(seed);
  const resamples = Math.max(MIN_RESAMPLES, Math.min(most, Math.floor(MAX_DRAWS / rows)));
  const values = statistics.map(() => new Float64Array(resamples));
  const sample = new Uint32Array(rows);
  for (let draw = 0; draw < resamples; draw++) {
    for (let at = 0; at < rows; at++) sample[at] = random.below(rows);
    for (const [one, statistic] of statistics.entries()) values[one][draw] = statistic(sample);
  }
  return values.map((drawn) => {
    const sorted = drawn.filter((value) => !Number.isNaN(value)).sort();
    return sorted.length === 0 ? undefined : [quantile(sorted, TAIL), quantile(sorted, 1 - TAIL)];
  });
}

/** Between the two nearest values in proportion, as NumPy does. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const next = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[next] - sorted[below]);
}
