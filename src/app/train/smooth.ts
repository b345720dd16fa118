/** The loss behind its noise: an exponential mean that does not start at zero (as Adam corrects its moments). */
const HALF_LIFE_STEPS = 4;

export function smooth(values: readonly number[]): number[] {
  const keep = 0.5 ** (1 / HALF_LIFE_STEPS);
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return mean / weight;
  });
}
