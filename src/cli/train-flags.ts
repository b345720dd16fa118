/** The flags of `graft train`, and the settings that they give. */
import { existsSync } from 'node:fs';
import { kindOf } from '../adapters/registry.ts';
import type { ReadOptions } from '../data/formats.ts';
import type { OverlongPolicy } from '../text/limit.ts';
import { OVERLONG_POLICIES } from '../text/limit.ts';
import { GraftError } from '../errors.ts';
import { peftKind } from '../export/peft.ts';
import type { ModelShape } from '../model/family.ts';
import { idleSettings } from '../settings/idle.ts';
import { BASE_SETTINGS, WATCH_SETTINGS } from '../settings/run.ts';
import type { Given, Setting } from '../settings/setting.ts';
import { checkOptions, trainOptionsOf } from '../train/options.ts';
import { LIMIT_SETTINGS, SPLIT_SETTINGS } from '../settings/rows.ts';
import { TABLE, type Known } from '../settings/table.ts';
import { dataFlags, readReadOptions, readRowOptions, rowFlags, type RowOptions } from './data-flags.ts';
import { under, type FlagSpecs, type Flags } from './flags.ts';
import { folder } from './files.ts';
import { generalFlag } from './general-text.ts';
import { modelFlags } from './session.ts';
import { recipeFlag } from './recipe-flags.ts';
import { checkOwners, readSettings, settingFlags } from './setting-flags.ts';

/** The settings of the trainer, in the order of the table. */
export const RUN_SETTINGS = TABLE.settings.filter(({ part }) => part === 'run') as (Setting & {
  readonly flag: Extract<Known, { part: 'run' }>['flag'] | 'method' | 'objective';
})[];

/** Settings of the command that are not the trainer's. */
const OTHER_SETTINGS = TABLE.settings.filter(
  ({ part, name, flag }) => part !== 'run' && flag !== undefined && name !== 'forgetting',
);

export const trainFlags = {
  model: modelFlags.model,
  ...under('Rows', { ...dataFlags, ...rowFlags }),
  recipe: recipeFlag,
  out: {
    value: 'DIR',
    help: 'where to write the PEFT folder (for full fine-tuning the model folder) and metrics.jsonl',
  },
  ...settingFlags(RUN_SETTINGS),
  ...under('Rows', settingFlags(LIMIT_SETTINGS)),
  ...under('Start, saving and resuming', {
    'init-adapter': { value: 'DIR', help: 'start from this PEFT adapter, with its rank, alpha and targets' },
    resume: {
      value: 'DIR',
      help: 'go on with the run that was saved here (its state folder, or the folder given as --out); --out is then the same folder',
    },
    'save-every': {
      value: 'N',
      help: 'save the state every N steps, or every so often: 90s, 5m (default: 5m, rarer where saving takes long)',
    },
    overwrite: { help: 'discard the result or the run that --out holds' },
    json: {
      help: 'print the result of the run as one JSON object: steps, losses, validation, verdict, where the adapter lies; what a person reads stays on standard error',
    },
  }),
  ...settingFlags(WATCH_SETTINGS),
  ...under('Validation and forgetting', {
    // It may name a text.
    ['forgetting' as const]: generalFlag(
      'measure what is forgotten, before and after the run: the loss on general text, answers to general prompts, and KL to the base on prompts of the rows',
    ),
  }),
  ...under('Rows', settingFlags(SPLIT_SETTINGS)),
  ...under('Base model and device', {
    ...settingFlags(BASE_SETTINGS),
    device: modelFlags.device,
    threads: modelFlags.threads,
  }),
  help: modelFlags.help,
} as const satisfies FlagSpecs;

export type TrainFlags = Flags<typeof trainFlags>;

export interface DataOptions extends RowOptions {
  readonly read: ReadOptions;
  readonly overlong: OverlongPolicy;
  readonly validationFraction: number;
  readonly testFraction: number;
  readonly splitSeed: number;
}

/** The flags of {@link readSplit}. */
export const splitFlags = {
  ...dataFlags,
  ...rowFlags,
  overlong: trainFlags.overlong,
  ...settingFlags(SPLIT_SETTINGS),
} as const satisfies FlagSpecs;

/**
 * @param seed of the run, which splits too unless the flags say otherwise
 * @param keepsColumns whether the run needs columns that its rows do not use
 * @throws GraftError `arguments`
 */
export function readDataOptions(flags: TrainFlags, seed: number, keepsColumns = false): DataOptions {
  const options = readSplit(flags, seed);
  if (options.validationFraction === 0 && (flags.number('eval-every') ?? 0) > 0)
    throw new GraftError('arguments', '--eval-every needs rows to evaluate on.', 'Give --val-fraction too.');
  return keepsColumns ? { ...options, read: { ...options.read, keepsColumns } } : options;
}

/** How files are read and split. @param seed as of {@link readDataOptions}. @throws GraftError `arguments` */
export function readSplit(flags: Flags<typeof splitFlags>, seed: number): DataOptions {
  const fraction = (name: 'val-fraction' | 'test-fraction'): number => {
    const value = flags.number(name) ?? 0;
    if (value < 0 || value >= 1)
      throw new GraftError('arguments', `--${name} is ${value}.`, 'Choose 0 or more and less than 1.');
    return value;
  };
  const validationFraction = fraction('val-fraction');
  const testFraction = fraction('test-fraction');
  const rows = readRowOptions(flags);
  // Separate test rows belong to the first task; the test rows of other tasks are split off.
  if (testFraction > 0 && rows.test !== undefined && !rows.mixture)
    throw new GraftError(
      'arguments',
      '--test-data gives the test rows, and --test-fraction asks for others.',
      'Leave one of them out.',
    );
  return {
    read: readReadOptions(flags),
    overlong: flags.choice('overlong', OVERLONG_POLICIES) ?? 'truncate-end',
    validationFraction,
    testFraction,
    splitSeed: flags.whole('split-seed') ?? seed,
    ...rows,
  };
}

/** @throws GraftError `arguments` for rows that are longer than the model was made for */
export function checkLength(length: number, { maxPositions }: ModelShape): void {
  if (length > maxPositions)
    throw new GraftError(
      'arguments',
      `Rows of ${length} tokens are asked for, and the model was made for at most ${maxPositions}.`,
      'Choose a shorter length.',
    );
}

/** @throws GraftError `arguments` for rows of text that would begin with all of the row before and teach next to nothing */
export function checkOverlap(overlap: number | undefined, maxLength: number): void {
  if (overlap !== undefined && overlap >= maxLength)
    throw new GraftError(
      'arguments',
      `--text-overlap is ${overlap}, and a row has ${maxLength} tokens at most.`,
      'Choose fewer: a part of a row, such as an eighth of it.',
    );
}

/**
 * Refuses settings that a run does not have or that do nothing in it: those of another method, objective or optimiser, and those of the adapter that it
 * starts from.
 */
function checkSettings(flags: TrainFlags, given: Given): void {
  const asked = RUN_SETTINGS.filter(({ name }) => Object.hasOwn(given, name));
  checkOwners(asked, given);
  const fixed = flags.isGiven('init-adapter') ? asked.find((one) => one.fixed) : undefined;
  if (fixed)
    throw new GraftError(
      'arguments',
      `--${fixed.flag} is given, and the adapter of --init-adapter has its own.`,
      'Leave one of them out.',
    );
  const forgetting = flags.text('forgetting') !== undefined || flags.on('forgetting');
  const all = { ...readSettings(flags, OTHER_SETTINGS), ...given, ...(forgetting && { forgetting }) };
  const [idle] = idleSettings(all);
  if (!idle) return;
  const flag = TABLE.find(idle.name)!.flag! as keyof typeof trainFlags;
  const from = flags.fileOf(flag);
  throw new GraftError(
    'arguments',
    `${from === undefined ? `--${flag}` : `${idle.name} of ${from}`} would do nothing, since ${idle.reason}.`,
    'Leave it out.',
  );
}

/** @throws GraftError `arguments` for a method that is not that of the adapter */
function checkMethod(flags: TrainFlags, start: string | undefined): void {
  const method = flags.text('method');
  if (start === undefined || method === undefined || method === start) return;
  if (method === 'full')
    throw new GraftError(
      'arguments',
      '--init-adapter is for training an adapter.',
      'Merge the adapter first, and train the merged model.',
    );
  throw new GraftError(
    'arguments',
    `--method ${method} is given, and the adapter of --init-adapter is ${kindOf({ kind: start }).label}.`,
    'Leave --method out: the run trains what the adapter is.',
  );
}

/** The kind of the adapter that a run starts from; undefined without one, or where reading it will say what is wrong. @throws GraftError `file-missing`, `json-…` */
export async function startKind(flags: TrainFlags): Promise<string | undefined> {
  const path = flags.text('init-adapter');
  return path === undefined || !existsSync(path) ? undefined : peftKind(folder(path));
}

/**
 * The settings of the trainer that the call chooses. What it leaves to the defaults depends on model and rows ({@link optionsFor}).
 *
 * @param start the kind of the adapter that the run starts from, which is the run's method then
 * @throws GraftError `arguments`, `train-option`
 */
export function readGiven(flags: TrainFlags, start?: string): Given {
  checkMethod(flags, start);
  const given = { ...readSettings(flags, RUN_SETTINGS), ...(start !== undefined && { method: start }) };
  checkSettings(flags, given);
  const validates = (flags.number('val-fraction') ?? 0) > 0;
  checkOptions(trainOptionsOf({ ...(validates && { evalEvery: 1 }), ...given }));
  return given;
}
