/** The exact paired test of a mean difference: if both methods are equally good, each difference has either sign with the same chance. */
import type { Clusters } from './clusters.ts';

/** Probabilities of 0 … n hits of n trials. */
export function binomial(n: number, chance: number): Float64Array {
  const result = new Float64Array(n + 1);
  let logarithm = n * Math.log1p(-chance);
  const odds = Math.log(chance) - Math.log1p(-chance);
  for (let hits = 0; hits <= n; hits++) {
    result[hits] = Math.exp(logarithm);
    logarithm += Math.log((n - hits) / (hits + 1)) + odds;
  }
  return result;
}

/**
 * The two-sided p-value of the sum of differences (Fisher, The Design of Experiments, 1935). With differences of 1 it is the exact McNemar test. Rows of a
 * group change their signs together.
 *
 * @param differences whole numbers, row by row
 * @returns 1 if no row differs
 */
export function signFlipTest(differences: readonly number[], clusters?: Clusters): number {
  const units = clusters
    ? clusters.map((rows) => rows.reduce((sum, row) => sum + differences[row], 0))
    : differences;
  /** How many units have each absolute difference. */
  const counts = new Map<number, number>();
  for (const unit of units) if (unit !== 0) counts.set(Math.abs(unit), (counts.get(Math.abs(unit)) ?? 0) + 1);
  const total = units.reduce((sum, unit) => sum + Math.abs(unit), 0);
  const seen = Math.abs(units.reduce((sum, unit) => sum + unit, 0));
  /** The chance of each sum of the positive ones. */
  let chances: Float64Array = Float64Array.of(1);
  for (const [size, many] of counts) {
    const own = binomial(many, 0.5);
    const next = new Float64Array(chances.length + many * size);
    for (let positive = 0; positive <= many; positive++)
      for (let before = 0; before < chances.length; before++)
        next[before + positive * size] += chances[before] * own[positive];
    chances = next;
  }
  // The sum is twice that of the positive ones, less the total.
  let p = 0;
  for (let positive = 0; positive <= total; positive++)
    if (Math.abs(2 * positive - total) >= seen) p += chances[positive];
  return Math.min(1, p);
}
