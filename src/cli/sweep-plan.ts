/** The runs of a new sweep: what varies, how far each trains, and whether `graft train` takes them all. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { GraftError } from '../errors.ts';
import { parametersOf } from '../model/family.ts';
import { evalEveryOf, rungsOf, stepsOfSweep, stepsWithin, type Rung } from '../runs/sweep/halving.ts';
import { emptySweep, type Sweep, type SweptRun } from '../runs/sweep/record.ts';
import {
  checkRuns,
  drawPoints,
  gridOf,
  pointInWords,
  readSpace,
  type Point,
  type ValueList,
} from '../runs/sweep/space.ts';
import { defaultSpec, countSteps, specFor } from '../settings/spec.ts';
import type { Given } from '../settings/setting.ts';
import { TABLE } from '../settings/table.ts';
import { readAskedRun } from './asked-run.ts';
import type { Output } from './output.ts';
import { flagsWithRecipe } from './recipe-flags.ts';
import { readPaths } from './row-flags.ts';
import {
  readSeeds,
  type sweepFlags,
  wordsOfPoint,
  wordsOfRuns,
  wordsOfSweep,
  type SweepFlags,
} from './sweep-flags.ts';
import { readGiven, startKind, trainFlags, type TrainFlags } from './train-flags.ts';
import { version } from './version.ts';

/** @throws GraftError `arguments`, and as `graft train` before it loads the model */
export async function planSweep(flags: SweepFlags, output: Output): Promise<Sweep> {
  const points = pointsOf(flags);
  const words = wordsOfRuns(flags);
  const first = await flagsOfRun([...words, ...wordsOfPoint(points[0])], (line) => output.line(line));
  const seed = first.integer('seed') ?? defaultSpec().seed;
  const seeds = readSeeds(flags) ?? [seed];
  if (points.length < 2 && seeds.length < 2)
    throw new GraftError(
      'arguments',
      'A sweep needs something that varies.',
      'Give --grid, --random with --range, or --seeds.',
    );
  checkRuns(points.length * seeds.length);
  const factor = flags.integer('halving', 2);
  const rungs = rungsOf(points.length, factor);
  const chosen: Given[] = [];
  for (const point of points) chosen.push(await givenOf(words, point));
  const { rows, definition } = await readAskedRun(first, chosen[0], output, { reports: true });
  if (!rows || rows.validation.length === 0)
    throw new GraftError(
      'arguments',
      'A sweep chooses by the validation loss, and no rows are held out for it.',
      'Give --val-fraction 0.1, or another share of the rows.',
    );
  const about = {
    ...{ parameters: parametersOf(definition), rows: rows.train.length },
    validation: rows.validation.length,
  };
  const asked = { budget: flags.integer('budget-steps', 1), rungs, seeds: seeds.length, about };
  const lengths = chosen.map((given) => lengthOf(given, asked));
  return emptySweep({
    graft: version(),
    args: wordsOfSweep(flags),
    data: await hashesOf(first),
    rows: { train: rows.train.length, validation: rows.validation.length },
    splitSeed: first.integer('split-seed') ?? seed,
    varied: Object.keys(points[0]),
    seeds,
    rungs,
    runs: points.flatMap((settings, recipe) =>
      seeds.map((seed, at): SweptRun => ({
        id: `run-${String(recipe * seeds.length + at + 1).padStart(3, '0')}`,
        ...{ recipe, settings, seed, ...lengths[recipe] },
        ...{ status: 'waiting', step: 0, seconds: 0, wallSeconds: 0 },
      })),
    ),
  });
}

/** @throws GraftError `arguments` */
function pointsOf(flags: SweepFlags): Point[] {
  const [grid, range] = [flags.texts('grid'), flags.texts('range')];
  const many = flags.integer('random', 1);
  if (grid.length > 0 && (many !== undefined || range.length > 0))
    throw new GraftError(
      'arguments',
      '--grid takes every combination, and --random draws some of them.',
      'Leave one of them out: --range has lists of values as well.',
    );
  if ((many === undefined) !== (range.length === 0))
    throw new GraftError(
      'arguments',
      many === undefined
        ? '--range is given, and --random is not.'
        : '--random is given, and --range is not.',
      'Give both, as in --random 12 --range "lr=1e-5..1e-2:log".',
    );
  const { dimensions } = grid.length > 0 ? readSpace('grid', grid) : readSpace('range', range);
  const twice = dimensions.find(({ setting }) => flags.isGiven(setting.flag as keyof typeof sweepFlags));
  if (twice)
    throw new GraftError(
      'arguments',
      `--${twice.setting.flag} is given, and ${twice.setting.name} varies.`,
      'Leave one of them out.',
    );
  if (many === undefined) return gridOf(dimensions as readonly ValueList[]);
  checkRuns(many);
  return drawPoints(dimensions, many, flags.integer('seed') ?? defaultSpec().seed);
}

const flagsOfRun = (
  words: readonly string[],
  report: (line: string) => void = () => undefined,
): Promise<TrainFlags> => flagsWithRecipe(trainFlags, words, report);

/** The settings that a run chooses. @throws GraftError as `graft train`, naming the recipe */
async function givenOf(words: readonly string[], point: Point): Promise<Given> {
  try {
    const flags = await flagsOfRun([...words, ...wordsOfPoint(point)]);
    return readGiven(flags, await startKind(flags));
  } catch (error) {
    if (!(error instanceof GraftError) || Object.keys(point).length === 0) throw error;
    throw new GraftError(
      error.code,
      `The recipe ${pointInWords(point)} cannot be trained: ${error.what}`,
      error.remedy || 'Leave it out of the sweep.',
      { cause: error },
    );
  }
}

interface Asked {
  readonly budget: number | undefined;
  readonly rungs: readonly Rung[];
  /** How many. */
  readonly seeds: number;
  readonly about: Parameters<typeof specFor>[1];
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
      '--eval-every is 0, and a sweep chooses by the validation loss.',
      'Leave it out.',
    );
  const isGiven = given['steps'] !== undefined || given['epochs'] !== undefined;
  const steps =
    isGiven || budget === undefined
      ? countSteps(specFor(given, about), about.rows ?? 0)
      : stepsWithin(budget, rungs, every, seeds);
  if (steps === undefined)
    throw new GraftError(
      'arguments',
      `--budget-steps is ${budget}, and one step of each run takes ${stepsOfSweep(rungs, 1, 1, seeds)}.`,
      'Give more steps, or fewer recipes.',
    );
  return { steps, evalEvery: Math.min(every(steps), steps) };
}

/** The content of the files of rows. */
async function hashesOf(flags: TrainFlags): Promise<Sweep['data']> {
  const paths = [...new Set(readPaths(flags).map(({ path }) => path))];
  return Promise.all(
    paths
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
      .map(async (path) => {
        const hash = createHash('sha256');
        for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
        return { path, sha256: hash.digest('hex') };
      }),
  );
}

/** Files of rows that are not what they were when the sweep began. */
export async function changedFiles(sweep: Sweep, flags: SweepFlags): Promise<string[]> {
  const now = await hashesOf(await flagsOfRun(wordsOfRuns(flags)));
  return sweep.data
    .filter(({ path, sha256 }) => now.find((file) => file.path === path)?.sha256 !== sha256)
    .map(({ path }) => path);
}

/** The words after `graft train` that make a run. */
export function wordsOfRun(
  flags: SweepFlags,
  { splitSeed }: Pick<Sweep, 'splitSeed'>,
  run: SweptRun,
): string[] {
  const { epochs: _, steps: __, evalEvery: ___, ...settings } = run.settings;
  const replaced = ['epochs', 'steps', 'evalEvery', 'seed', 'splitSeed'].map(
    (name) => TABLE.find(name)!.flag!,
  );
  return [
    ...wordsOfRuns(flags).filter((word) => !replaced.some((flag) => word.startsWith(`--${flag}=`))),
    ...wordsOfPoint(settings),
    ...[`--steps=${run.steps}`, `--eval-every=${run.evalEvery}`],
    // Seeds of one recipe have the same validation rows.
    ...[`--seed=${run.seed}`, `--split-seed=${splitSeed}`],
  ];
}
