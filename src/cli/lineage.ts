/** lineage.json next to an adapter or a model: what it was trained from, on which rows, and how well. `graft evaluate --lineage` follows it back. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { referenceOf } from '../evaluate/pair-order.ts';
import { baseInWords, type WeightChoices } from '../model/weight-types.ts';
import { OBJECTIVES } from '../objectives/registry.ts';
import type { RewardSpec } from '../scorers/scorer-spec.ts';
import { readRewards } from '../scorers/rewards/specs.ts';
import { MIXTURE_SETTINGS } from '../settings/rows.ts';
import { fileNames, readTasks, writeTasks } from './task-files.ts';
import type { RunSpec } from '../settings/spec.ts';
import type { Trained } from '../evaluate/record.ts';
import { splitFlags } from './row-flags.ts';
import { sha256 } from './sha256.ts';
import type { TrainFlags } from './train-flags.ts';

export const LINEAGE = 'lineage.json';

const Lineage = v.object({
  /** Folder of the adapter that it was trained from. This and all paths are seen from the folder of the file. */
  parent: v.optional(v.string()),
  /** The base model. */
  model: v.string(),
  data: v.array(v.object({ name: v.string(), path: v.string(), share: v.optional(v.number()) })),
  moreData: v.optional(v.array(v.string())),
  testData: v.optional(v.string()),
  /** The other flags that read and split the same rows. */
  flags: v.array(v.string()),
  /** The objective, and the reference policy of one that has it; missing in files of earlier versions. */
  objective: v.optional(v.picklist(OBJECTIVES.map(({ name }) => name))),
  reference: v.optional(v.picklist(['base', 'start'])),
  /** The rewards of a run that learned from some. */
  rewards: v.optional(v.array(v.record(v.string(), v.unknown()))),
  /** Every setting of the run, as graft recipe prints them; missing in files of earlier versions, as is the next. */
  recipe: v.optional(v.record(v.string(), v.unknown())),
  /** The program, the device, and the number formats of the base: of activations, and of its frozen weights. */
  made: v.optional(
    v.object({ graft: v.string(), device: v.string(), precision: v.string(), base: v.string() }),
  ),
  trainRows: v.number(),
  steps: v.number(),
  evalLoss: v.optional(v.number()),
  /** What the run took of the device at its peak. */
  peakBytes: v.optional(v.number()),
});
/** Facts about a run that exist only after training. */
type Outcome = 'trainRows' | 'steps' | 'evalLoss' | 'peakBytes';
/** The origin of a run, without its results. */
export type LineageBefore = Omit<Lineage, Outcome>;
type Lineage = v.InferOutput<typeof Lineage>;

/** What {@link LINEAGE} says of an adapter that was mixed from others: it has parents and no rows of its own. Paths are seen from the folder of the file. */
const MixLineage = v.object({
  mixed: v.object({
    method: v.string(),
    rank: v.number(),
    parents: v.array(v.object({ path: v.string(), weight: v.number() })),
    density: v.optional(v.number()),
    majoritySign: v.optional(v.string()),
    seed: v.optional(v.number()),
  }),
  /** The base model. */
  model: v.string(),
  /** The version of Graft. */
  graft: v.string(),
});
type MixLineage = v.InferOutput<typeof MixLineage>;

export interface StageOfCall extends Lineage {
  readonly folder: string;
}

const OF_MIXTURES = MIXTURE_SETTINGS.map(({ flag }) => flag);
/** A task that is used in full for training holds out no rows. */
const OF_SPLITS = ['val-fraction', 'test-fraction'];

/** The origin of a run, without its results. Replay is left out: its rows belong to another stage. */
export function lineageOfCall(
  flags: TrainFlags,
  out: string,
  { seed, splitSeed = seed, maxLength, objective = OBJECTIVES[0].name, reference: asked, rewards }: RunSpec,
  made: Pick<Lineage, 'recipe' | 'made'>,
): LineageBefore {
  const { data: _, 'more-data': __, 'test-data': ___, replay: ____, ...others } = splitFlags;
  const from = (path: string): string => relative(resolve(out), resolve(path));
  const [parent, more, test] = [flags.text('init-adapter'), flags.text('more-data'), flags.text('test-data')];
  const data = readTasks(flags.required('data'));
  const policy = { ...(asked && { reference: asked }), starts: parent !== undefined };
  const reference = referenceOf({ objective, ...policy });
  // Without its replay, a mixture may have only one task left.
  const without: readonly string[] =
    data.length > 1 ? [] : flags.isGiven('train-whole') ? [...OF_MIXTURES, ...OF_SPLITS] : OF_MIXTURES;
  const given = (Object.keys(others) as (keyof typeof others)[]).flatMap((name): string[] => {
    if (name === 'split-seed' || without.includes(name) || !flags.isGiven(name)) return [];
    const text = flags.text(name);
    return text !== undefined ? [`--${name}=${text}`] : flags.on(name) ? [`--${name}`] : [];
  });
  return {
    ...(parent !== undefined && { parent: from(parent) }),
    model: from(flags.required('model')),
    data: data.map((task) => ({ ...task, path: from(task.path) })),
    ...(more !== undefined && { moreData: fileNames(more).map(from) }),
    ...(test !== undefined && { testData: from(test) }),
    flags: [...given, `--split-seed=${splitSeed}`, `--max-length=${maxLength}`],
    objective: OBJECTIVES.find(({ name }) => name === objective)!.name,
    ...(reference && { reference }),
    ...(rewards && { rewards: rewards.map((reward) => ({ ...reward })) }),
    ...made,
  };
}

/**
 * What to say if an adapter is used on a base in another number format than it was trained on, which it learned to make up for.
 *
 * @param choices of the base that is used
 * @returns undefined if the formats are the same, or nobody wrote down that of the training
 */
export async function otherBase(
  folder: string,
  choices: WeightChoices | undefined,
): Promise<string | undefined> {
  const base = baseInWords(choices);
  const made = (await readLineage(folder).catch(() => undefined))?.made;
  return made === undefined || made.base === base
    ? undefined
    : `Warning: ${folder} was trained on a base in ${made.base}, and this one is in ${base}: its answers may be worse here. Give --base-weights as the run had it.`;
}

/** The flags that read and split the rows of a stage as its run did. */
export function rowFlagsOf({ folder, data, moreData, testData, flags }: StageOfCall): string[] {
  const at = (path: string): string => join(folder, path).replaceAll(',', '\\,');
  const tasks = data.map((task) => ({ ...task, path: join(folder, task.path) }));
  return [
    `--data=${data.length > 1 ? writeTasks(tasks) : tasks[0].path}`,
    ...(moreData ? [`--more-data=${moreData.map(at).join()}`] : []),
    ...(testData === undefined ? [] : [`--test-data=${join(folder, testData)}`]),
    ...flags,
  ];
}

/** What differs between runs of one recipe with different seeds: rows are split by the seed, unless that has its own. */
const OF_SEEDS = /^--split-seed=/;

/** The recipe and the seed of an adapter, for runs of one recipe with several seeds; undefined for a run of an earlier version. */
export function trainedOf({
  folder,
  recipe,
  parent,
  model,
  data,
  moreData,
  testData,
  flags,
}: StageOfCall): Trained | undefined {
  if (!recipe || typeof recipe.seed !== 'number') return undefined;
  const { seed, ...settings } = recipe;
  const at = (path: string): string => resolve(folder, path);
  // Without test rows of their own, another split has other test rows: such runs are not compared as one.
  const own = testData === undefined ? flags : flags.filter((flag) => !OF_SEEDS.test(flag));
  const { splitSeed: _, ...unsplit } = settings;
  const same = {
    settings: Object.entries(testData === undefined ? settings : unsplit).sort(([a], [b]) =>
      a < b ? -1 : 1,
    ),
    parent: parent === undefined ? null : at(parent),
    ...{ model: at(model), data: data.map((one) => ({ ...one, path: at(one.path) })) },
    ...{ more: moreData?.map(at) ?? [], test: testData === undefined ? null : at(testData), flags: own },
  };
  const hash = sha256();
  hash.update(new TextEncoder().encode(JSON.stringify(same)));
  return { recipe: hash.hex(), seed };
}

/** The same lineage for another folder, from which its paths are seen. */
export function lineageAt(
  { folder, parent, model, data, moreData, testData, ...others }: StageOfCall,
  to: string,
): Lineage {
  const from = (path: string): string => relative(resolve(to), resolve(folder, path));
  return {
    ...others,
    ...(parent !== undefined && { parent: from(parent) }),
    model: from(model),
    data: data.map((task) => ({ ...task, path: from(task.path) })),
    ...(moreData && { moreData: moreData.map(from) }),
    ...(testData !== undefined && { testData: from(testData) }),
  };
}

export function writeLineage(lineage: Lineage | MixLineage): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(lineage, null, 2)}\n`);
}

/** The run that wrote a folder; undefined if nobody wrote it down, and for a mixed adapter. @throws GraftError `json-…`, `lineage` */
export async function readLineage(folder: string): Promise<StageOfCall | undefined> {
  const path = join(folder, LINEAGE);
  const json = await jsonOf(path);
  if (json === undefined || v.is(MixLineage, json)) return undefined;
  const parsed = v.safeParse(Lineage, json);
  if (!parsed.success)
    throw new GraftError('lineage', `${path} does not say where the adapter is from.`, 'Train it again.');
  return { ...parsed.output, folder };
}

async function jsonOf(path: string): Promise<unknown> {
  return existsSync(path) ? parseJson(await readFile(path, 'utf8'), path) : undefined;
}

/** What an adapter was mixed from; undefined for one that was not. @throws GraftError `json-…` */
export async function readMix(folder: string): Promise<MixLineage | undefined> {
  const json = await jsonOf(join(folder, LINEAGE));
  return v.is(MixLineage, json) ? json : undefined;
}

/** The rewards that an adapter learned from; undefined for another one, and for one without a {@link LINEAGE}. @throws GraftError `json-…`, `lineage`, `reward` */
export async function rewardsOfAdapter(folder: string): Promise<readonly RewardSpec[] | undefined> {
  const rewards = (await readLineage(folder))?.rewards;
  return rewards && readRewards(rewards, join(folder, LINEAGE));
}

/** The most stages that are followed back: a folder that names itself must not loop for ever. */
const MAX_STAGES = 100;

/**
 * The stages that led to an adapter, the first one first. If a stage or the folder that it names is gone, the line starts after it.
 *
 * @throws GraftError `lineage` for a folder without a lineage.json, and for a mixed adapter
 */
export async function lineOf(folder: string): Promise<StageOfCall[]> {
  const line: StageOfCall[] = [];
  let at: string | undefined = folder;
  while (at !== undefined && line.length < MAX_STAGES) {
    const stage: StageOfCall | undefined = await readLineage(at);
    if (!stage) break;
    line.unshift(stage);
    at = stage.parent === undefined ? undefined : join(stage.folder, stage.parent);
  }
  const mix = line.length === 0 ? await readMix(folder) : undefined;
  if (mix)
    throw new GraftError(
      'lineage',
      `${folder} was mixed from ${mix.mixed.parents.map(({ path }) => join(folder, path)).join(' and ')}, so no single line of stages led to it.`,
      'Give one of these folders, or name adapters and rows by --adapter and --data.',
    );
  if (line.length === 0)
    throw new GraftError(
      'lineage',
      `${folder} has no ${LINEAGE}.`,
      'Give an adapter that graft train wrote, or name adapters and rows by --adapter and --data.',
    );
  return line;
}
