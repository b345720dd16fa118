/**
 * Intervals by resampling rows (Efron 1979; for scores of texts Koehn 2004): as many rows as there are, drawn with replacement, many times. All
 * statistics see the same draws, so a difference of two of them is the paired bootstrap.
 */
import { Random } from '../random.ts';
import type { Clusters } from './clusters.ts';
import type { Resample } from '../scorers/scorer.ts';

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
 * @param how.most how often rows are drawn at most
 * @param how.clusters groups of rows that are drawn whole, as many as there are (the cluster bootstrap); without them rows are drawn one by one
 * @returns undefined for a statistic that is NaN in every draw
 */
export function bootstrap(
  rows: number,
  seed: number,
  statistics: readonly ((sample: Resample) => number)[],
  {
    most = MAX_RESAMPLES,
    clusters,
  }: { readonly most?: number; readonly clusters?: Clusters | undefined } = {},
): (Interval | undefined)[] {
  const random = new Random(seed);
  const resamples = Math.max(MIN_RESAMPLES, Math.min(most, Math.floor(MAX_DRAWS / rows)));
  const values = statistics.map(() => new Float64Array(resamples));
  const drawOne = clusters ? clusterDraw(clusters, random) : rowDraw(rows, random);
  for (let draw = 0; draw < resamples; draw++) {
    const sample = drawOne();
    for (const [one, statistic] of statistics.entries()) values[one][draw] = statistic(sample);
  }
  return values.map((drawn) => {
    const sorted = drawn.filter((value) => !Number.isNaN(value)).sort();
    return sorted.length === 0 ? undefined : [quantile(sorted, TAIL), quantile(sorted, 1 - TAIL)];
  });
}

/** Draws as many rows as there are. Each draw takes the place of the one before. */
function rowDraw(rows: number, random: Random): () => Uint32Array {
  const sample = new Uint32Array(rows);
  return () => {
    for (let at = 0; at < rows; at++) sample[at] = random.below(rows);
    return sample;
  };
}

/** Draws as many groups as there are, each with all of its rows: the number of rows differs. */
function clusterDraw(clusters: Clusters, random: Random): () => Uint32Array {
  const largest = clusters.reduce((max, { length }) => Math.max(max, length), 0);
  const sample = new Uint32Array(clusters.length * largest);
  return () => {
    let size = 0;
    for (let at = 0; at < clusters.length; at++) {
      const cluster = clusters[random.below(clusters.length)];
      sample.set(cluster, size);
      size += cluster.length;
    }
    return sample.subarray(0, size);
  };
}

/** Between the two nearest values in proportion, as NumPy does. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const next = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[next] - sorted[below]);
}
