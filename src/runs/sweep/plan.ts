/** The runs of a new sweep, for page and command: the same recipes, lengths and order for the same specification. */
import { GraftError } from '../../errors.ts';
import { plural } from '../../numbers.ts';
import { countSteps, specFor } from '../../settings/spec.ts';
import type { Given } from '../../settings/setting.ts';
import { evalEveryOf, rungsOf, stepsOfSweep, stepsWithin, type Rung } from './halving.ts';
import type { SweepState, SweptRun } from './record.ts';
import { checkRuns, drawPoints, gridOf, readSpace, type Point, type ValueList } from './space.ts';

/** What varies, in the words of the flags: `lr=1e-4,3e-4;rank=4,8`. */
export interface Varied {
  readonly grid: readonly string[];
  readonly range: readonly string[];
  /** How many recipes are drawn from the range. */
  readonly random?: number | undefined;
  /** What the draws depend on. */
  readonly seed: number;
  /** Who names the settings, in errors: the flag if left out. */
  readonly by?: string;
}

/** The recipes: every combination of a grid, random draws, or one without varied settings. @throws GraftError `arguments` */
export function pointsOf({ grid, range, random, seed, by }: Varied): {
  readonly points: readonly Point[];
  /** The names of the settings that vary. */
  readonly names: readonly string[];
} {
  const isGrid = grid.length > 0;
  const { dimensions } = isGrid ? readSpace('grid', grid, by) : readSpace('range', range, by);
  const names = dimensions.map(({ setting }) => setting.name);
  if (random === undefined) return { points: gridOf(dimensions as readonly ValueList[]), names };
  checkRuns(random);
  return { points: drawPoints(dimensions, random, seed), names };
}

export interface AskedRuns {
  readonly points: readonly Point[];
  /** The settings that each point's run chooses. */
  readonly chosen: readonly Given[];
  readonly seeds: readonly number[];
  /** One in so many recipes continues from each rung; undefined to train all to the end. */
  readonly factor: number | undefined;
  /** Steps of all runs together. */
  readonly budget: number | undefined;
  /** Rows and model, on which defaults depend. */
  readonly about: Parameters<typeof specFor>[1] & { readonly rows: number };
}

/** @throws GraftError `arguments` for a sweep in which nothing varies, too many runs, or a budget that is too small */
export function checkVaries(points: readonly Point[], seeds: readonly number[]): void {
  if (points.length < 2 && seeds.length < 2)
    throw new GraftError(
      'arguments',
      'A sweep needs something that varies.',
      'Give a setting several values, or give several seeds.',
    );
  checkRuns(points.length * seeds.length);
}

/** The rungs and the runs, in the order of the recipes, with the seeds of each next to each other. @throws GraftError `arguments` */
export function plannedRuns({
  points,
  chosen,
  seeds,
  factor,
  budget,
  about,
}: AskedRuns): Pick<SweepState, 'seeds' | 'rungs' | 'runs'> {
  const rungs = rungsOf(points.length, factor);
  const lengths = chosen.map((given) => lengthOf(given, { budget, rungs, seeds: seeds.length, about }));
  const runs = points.flatMap((settings, recipe) =>
    seeds.map((seed, at): SweptRun => ({
      id: `run-${String(recipe * seeds.length + at + 1).padStart(3, '0')}`,
      ...{ recipe, settings, seed, ...lengths[recipe] },
      ...{ status: 'waiting', step: 0, seconds: 0, wallSeconds: 0 },
    })),
  );
  return { seeds: [...seeds], rungs, runs };
}

interface Asked {
  readonly budget: number | undefined;
  readonly rungs: readonly Rung[];
  /** How many. */
  readonly seeds: number;
  readonly about: AskedRuns['about'];
}

/** How far a run trains, and how often it validates. @throws GraftError `arguments` for a budget that is too small */
function lengthOf(
  given: Given,
  { budget, rungs, seeds, about }: Asked,
): Pick<SweptRun, 'steps' | 'evalEvery'> {
  const own = given['evalEvery'] as number | undefined;
  const every = (steps: number): number => own ?? evalEveryOf(rungs, steps);
  if (own === 0)
    throw new GraftError(
      'arguments',
      'No validation is made, and a sweep chooses by the validation loss.',
      'Leave --eval-every 0 out.',
    );
  const isGiven = given['steps'] !== undefined || given['epochs'] !== undefined;
  const steps =
    isGiven || budget === undefined
      ? countSteps(specFor(given, about), about.rows)
      : stepsWithin(budget, rungs, every, seeds);
  if (steps === undefined)
    throw new GraftError(
      'arguments',
      `The budget is ${plural(budget!, 'step')}, and one step of each run takes ${stepsOfSweep(rungs, 1, 1, seeds)}.`,
      'Give more steps, or fewer recipes.',
    );
  return { steps, evalEvery: Math.min(every(steps), steps) };
}

/** @throws GraftError `arguments` */
export function readSeeds(text: string, by: string): number[] {
  const seeds = text.split(',').map((one) => (one.trim() === '' ? NaN : Number(one)));
  if (!seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0) || new Set(seeds).size < seeds.length)
    throw new GraftError(
      'arguments',
      `${by} is ${text}.`,
      'Give different whole numbers of at least 0, such as 1,2,3.',
    );
  return seeds;
}
