/** The runs of a new sweep: what varies, how far each trains, and whether `graft train` takes them all. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { GraftError } from '../errors.ts';
import { parametersOf } from '../model/definition.ts';
import { checkVaries, plannedRuns, pointsOf } from '../runs/sweep/plan.ts';
import { emptySweep, type Sweep, type SweptRun } from '../runs/sweep/record.ts';
import { pointInWords, type Point } from '../runs/sweep/space.ts';
import { defaultSpec } from '../settings/spec.ts';
import type { Given } from '../settings/setting.ts';
import { TABLE } from '../settings/table.ts';
import { readAskedRun } from './asked-run.ts';
import type { Output } from './output.ts';
import { flagsWithRecipe } from './recipe-flags.ts';
import { readPaths } from './row-flags.ts';
import {
  seedsOf,
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
  const { points, names } = recipesOf(flags);
  const words = wordsOfRuns(flags);
  const first = await flagsOfRun([...words, ...wordsOfPoint(points[0])], (line) => output.line(line));
  const seed = first.integer('seed') ?? defaultSpec().seed;
  const seeds = seedsOf(flags) ?? [seed];
  checkVaries(points, seeds);
  const chosen: Given[] = [];
  for (const point of points) chosen.push(await givenOf(words, point));
  const { rows, definition } = await readAskedRun(first, chosen[0], output, { reports: true });
  if (!rows || rows.validation.length === 0)
    throw new GraftError(
      'arguments',
      'A sweep chooses by the validation loss, and no rows are held out for it.',
      'Give --val-fraction 0.1, or another share of the rows.',
    );
  return emptySweep({
    graft: version(),
    args: wordsOfSweep(flags),
    data: await hashesOf(first),
    rows: { train: rows.train.length, validation: rows.validation.length },
    splitSeed: first.integer('split-seed') ?? seed,
    varied: [...names],
    ...plannedRuns({
      ...{ points, chosen, seeds },
      factor: flags.integer('halving', 2),
      budget: flags.integer('budget-steps', 1),
      about: {
        ...{ parameters: parametersOf(definition), rows: rows.train.length },
        validation: rows.validation.length,
      },
    }),
  });
}

/** @throws GraftError `arguments` */
function recipesOf(flags: SweepFlags): ReturnType<typeof pointsOf> {
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
  const found = pointsOf({ grid, range, random: many, seed: flags.integer('seed') ?? defaultSpec().seed });
  const twice = found.names
    .map((name) => TABLE.find(name)!)
    .find(({ flag }) => flags.isGiven(flag as keyof typeof sweepFlags));
  if (twice)
    throw new GraftError(
      'arguments',
      `--${twice.flag} is given, and ${twice.name} varies.`,
      'Leave one of them out.',
    );
  return found;
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
