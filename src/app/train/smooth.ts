/** The loss behind its noise: an exponential mean that does not start at zero (as Adam corrects its moments). */

/** A line that lags hides what it should show: a fortieth of the run is half forgotten. */
const PART_OF_RUN = 1 / 40;

/** @param steps of the whole run, so that the line does not change its past while it grows */
export function smooth(values: readonly number[], steps: number): number[] {
  const keep = 0.5 ** (1 / Math.max(1, steps * PART_OF_RUN));
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return mean / weight;
  });
}
