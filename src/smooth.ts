/** The loss without its noise: an exponential mean that does not start at zero (as Adam corrects its moments). */

/** A line that lags hides what it should show: a fortieth of the run is half forgotten. */
const PART_OF_RUN = 1 / 40;

/** The weight that the mean keeps of each value after one more step. */
const kept = (steps: number): number => 0.5 ** (1 / Math.max(1, steps * PART_OF_RUN));

/** @param steps of the whole run, so that the line does not change its past while it grows */
export function smooth(values: readonly number[], steps: number): number[] {
  const keep = kept(steps);
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return mean / weight;
  });
}

/** The number of independent values that the smoothed mean is worth, once it has seen as many: its noise is that of one value divided by the root of this. */
export function smoothedOver(steps: number): number {
  const keep = kept(steps);
  return (1 + keep) / (1 - keep);
}
