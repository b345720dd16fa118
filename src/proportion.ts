/** A share of rows with its confidence interval. */

export interface Proportion {
  readonly count: number;
  readonly total: number;
  readonly fraction: number;
  /** 95% interval by Wilson's score. */
  readonly interval: readonly [number, number];
}

const Z95 = 1.959964;

/** A share with its 95% interval (Wilson, 1927), which stays sensible for few answers and for shares near 0 and 1. */
export function proportion(count: number, total: number): Proportion {
  if (total === 0) return { count, total, fraction: NaN, interval: [0, 1] };
  const fraction = count / total;
  const z2 = Z95 ** 2 / total;
  const centre = (fraction + z2 / 2) / (1 + z2);
  const half = (Z95 / (1 + z2)) * Math.sqrt((fraction * (1 - fraction)) / total + z2 / (4 * total));
  return { count, total, fraction, interval: [Math.max(0, centre - half), Math.min(1, centre + half)] };
}
