/** What a sweep has done so far, as sweep.json holds it: the state that it is resumed from, and its result. */
import * as v from 'valibot';
import { deviation, mean } from '../../averages.ts';
import { GraftError } from '../../errors.ts';
import { parseJson } from '../../json.ts';

const FORMAT = 'graft-sweep';
const VERSION = 1;
export const SWEEP_FILE = 'sweep.json';

const number = v.pipe(v.number(), v.finite());
const count = v.pipe(number, v.integer(), v.minValue(0));
const Settings = v.record(v.string(), v.union([number, v.string(), v.boolean()]));
/** A name of a folder next to the file, not a path; the page has no folders and keeps the names. */
const RunName = v.pipe(v.string(), v.regex(/^run-\d{3,4}$/));

const SweptRun = v.object({
  /** Its folder next to the file. */
  id: RunName,
  /** Its recipe, from 0: runs of one recipe differ by their seed only. */
  recipe: count,
  settings: Settings,
  seed: count,
  /** Steps of the whole run, and between two validations. */
  steps: count,
  evalEvery: count,
  /** `out` is a run whose recipe was not among the better ones of a rung. */
  status: v.picklist(['waiting', 'running', 'paused', 'done', 'out', 'failed']),
  /** Steps done. */
  step: count,
  /** The best so far, in nats per token. */
  validation: v.optional(v.object({ step: count, loss: number })),
  /** Seconds of training and validation; `wallSeconds` counts everything around them as well. */
  seconds: number,
  wallSeconds: number,
  /** Why it failed. */
  why: v.optional(v.string()),
});

/** What is trained and how far it is, wherever it is kept. */
export const SweepState = v.object({
  rows: v.object({ train: count, validation: count }),
  /** The settings that vary. */
  varied: v.array(v.string()),
  seeds: v.pipe(v.array(count), v.minLength(1)),
  rungs: v.pipe(v.array(v.object({ recipes: count, share: number })), v.minLength(1)),
  runs: v.pipe(v.array(SweptRun), v.minLength(1)),
  /** How many folds a cross-validation has. The recipe of a run is then its fold, from 0. */
  folds: v.optional(count),
  /** `budget` if the budget ended it before all runs were done; `cancelled` cannot be continued. */
  status: v.picklist(['running', 'done', 'budget', 'interrupted', 'cancelled']),
});

const Sweep = v.object({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  /** The version of Graft. */
  graft: v.string(),
  /** The words after `graft sweep` of the call that began it, without budget and output. */
  args: v.array(v.string()),
  /** The files of rows with their SHA-256: with other rows, losses could not be compared. */
  data: v.array(v.object({ path: v.string(), sha256: v.string() })),
  /** Chooses the validation rows, which are the same for all runs. */
  splitSeed: count,
  ...SweepState.entries,
});

export type SweptRun = v.InferOutput<typeof SweptRun>;
export type SweepState = v.InferOutput<typeof SweepState>;
export type Sweep = v.InferOutput<typeof Sweep>;

/** A record with the status `running`. */
export const emptySweep = (parts: Omit<Sweep, 'format' | 'version' | 'status'>): Sweep => ({
  format: FORMAT,
  version: VERSION,
  ...parts,
  status: 'running',
});

/** Runs of one recipe: they differ by their seed only, and count as one. */
export interface SweepRecipe {
  readonly at: number;
  readonly settings: SweptRun['settings'];
  readonly runs: readonly SweptRun[];
  /** Runs that have an adapter or a model. */
  readonly done: number;
  /** The mean of the best validation losses of its runs, in nats per token; undefined before the first. */
  readonly validation: number | undefined;
  /** The standard deviation over its seeds; undefined for fewer than two runs. */
  readonly spread: number | undefined;
}

/** The recipes, the best first: those of which more runs are done, then by validation. A recipe with a run that failed comes last. */
export function recipesOf({ runs }: Pick<SweepState, 'runs'>): SweepRecipe[] {
  const places = [...new Set(runs.map(({ recipe }) => recipe))];
  const recipes = places.map((at): SweepRecipe => {
    const own = runs.filter(({ recipe }) => recipe === at);
    const losses = own.flatMap(({ status, validation }) =>
      validation && status !== 'failed' ? [validation.loss] : [],
    );
    const middle = losses.length > 0 ? mean(losses) : undefined;
    return {
      at,
      settings: own[0].settings,
      runs: own,
      done: own.filter(({ status }) => status === 'done').length,
      validation: middle,
      spread: losses.length > 1 ? deviation(losses) : undefined,
    };
  });
  const hasFailed = ({ runs: own }: SweepRecipe): number =>
    Number(own.some(({ status }) => status === 'failed'));
  return recipes.sort(
    (a, b) =>
      hasFailed(a) - hasFailed(b) ||
      b.done - a.done ||
      (a.validation ?? Infinity) - (b.validation ?? Infinity) ||
      a.at - b.at,
  );
}

/** The best run of the best recipe, by validation only; undefined before one is done. */
export function bestOf(sweep: Pick<SweepState, 'runs'>): SweptRun | undefined {
  const lossOf = ({ validation }: SweptRun): number => validation?.loss ?? Infinity;
  const [best] = recipesOf(sweep);
  return best.runs
    .filter(({ status }) => status === 'done')
    .reduce<SweptRun | undefined>(
      (min, run) => (min === undefined || lossOf(run) < lossOf(min) ? run : min),
      undefined,
    );
}

/** The record as a file, with its result. @param place of the best run's adapter or model, seen from the file */
export function writeSweep(sweep: Sweep, place?: string): string {
  const best = bestOf(sweep);
  const result = {
    ...sweep,
    recipes: recipesOf(sweep).map(({ settings, runs, done, validation, spread }) => ({
      settings,
      runs: runs.map(({ id }) => id),
      done,
      ...(validation !== undefined && { validation }),
      ...(spread !== undefined && { spread }),
    })),
    ...(best && {
      best: {
        run: best.id,
        settings: best.settings,
        seed: best.seed,
        validation: best.validation,
        ...(place !== undefined && { folder: place }),
      },
    }),
  };
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** @throws GraftError `json-…`, `sweep-file` for a file that is no sweep */
export function readSweep(text: string, path: string): Sweep {
  const read = v.safeParse(Sweep, parseJson(text, path));
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new GraftError(
    'sweep-file',
    `${path} is not a sweep of this version of Graft: ${v.getDotPath(issue) ?? 'it'} is wrong (${issue.message}).`,
    'Choose another folder for --out.',
  );
}
