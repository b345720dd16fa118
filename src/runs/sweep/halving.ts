/**
 * Successive halving (Jamieson and Talwalkar 2016, arXiv:1502.07943): all recipes train for a part of their steps, the better ones continue from where
 * they are, and so on until few are left, which train to the end.
 */

/** A rung: how many recipes come to it, and how far each trains, as a share of its steps. */
export interface Rung {
  readonly recipes: number;
  readonly share: number;
}

/** The rungs of a sweep. @param factor of how many recipes one continues, above 1; undefined to train all to the end */
export function rungsOf(recipes: number, factor: number | undefined): Rung[] {
  if (factor === undefined || recipes < 2) return [{ recipes, share: 1 }];
  let rungs = 0;
  while (Math.ceil(recipes / factor ** rungs) > 1) rungs++;
  return Array.from({ length: rungs + 1 }, (_, at) => ({
    recipes: Math.ceil(recipes / factor ** at),
    share: factor ** (at - rungs),
  }));
}

/** The warm-up begins at a rate of 0, so that all recipes are equal after one step. */
const FIRST_STOP = 2;

/**
 * The step after which a run is judged at a rung: a multiple of the steps between two validations, and its end at the last rung. Rungs of short runs may
 * come to the same step.
 */
export function stopOf({ share }: Rung, steps: number, evalEvery: number): number {
  if (share === 1) return steps;
  const least = Math.ceil(FIRST_STOP / evalEvery);
  return Math.min(steps, Math.max(least, Math.round((steps * share) / evalEvery)) * evalEvery);
}

/** Validations of a run that trains to its end. */
const VALIDATIONS = 10;

/** Steps between two validations if nobody chose them: about ten in all, and one at the first rung. */
export const evalEveryOf = ([{ share }]: readonly Rung[], steps: number): number =>
  Math.max(1, Math.round(steps * Math.min(share, 1 / VALIDATIONS)));

/** The steps of all runs of a sweep if none ends early. @param seeds runs of each recipe */
export function stepsOfSweep(
  rungs: readonly Rung[],
  steps: number,
  evalEvery: number,
  seeds: number,
): number {
  const stops = rungs.map((rung) => stopOf(rung, steps, evalEvery));
  return rungs.reduce(
    (sum, { recipes }, at) => sum + (stops[at] - (at === 0 ? 0 : stops[at - 1])) * recipes * seeds,
    0,
  );
}

/** The most steps of each run for which a sweep stays within a budget; undefined if one step of each is more already. */
export function stepsWithin(
  budget: number,
  rungs: readonly Rung[],
  evalEvery: (steps: number) => number,
  seeds: number,
): number | undefined {
  const fits = (steps: number): boolean => stepsOfSweep(rungs, steps, evalEvery(steps), seeds) <= budget;
  let [min, max] = [0, budget];
  while (min < max) {
    const middle = Math.ceil((min + max) / 2);
    if (fits(middle)) min = middle;
    else max = middle - 1;
  }
  return min > 0 ? min : undefined;
}
