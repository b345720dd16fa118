/** The flags of `graft train`, and the settings that they give. */
import { learnerOf } from '../adapters/learners.ts';
import { existsSync } from 'node:fs';
import { kindOf } from '../adapters/registry.ts';
import { GraftError } from '../errors.ts';
import { peftKind } from '../export/peft.ts';
import type { ModelShape } from '../model/shape.ts';
import { idleSettings } from '../settings/idle.ts';
import { LIMIT_SETTINGS, SPLIT_SETTINGS } from '../settings/rows.ts';
import { BASE_SETTINGS, WATCH_SETTINGS } from '../settings/run.ts';
import type { Given, Setting } from '../settings/setting.ts';
import { checkSpec, specOf } from '../settings/spec.ts';
import { TABLE, type Known } from '../settings/table.ts';
import { folder } from './files.ts';
import { underFlag, type FlagSpecs, type Flags } from './flags.ts';
import { generalFlag } from './general-text.ts';
import { recipeFlag } from './recipe-flags.ts';
import { dataFlags, rowFlags, rowSettings } from './row-flags.ts';
import { modelFlags } from './session.ts';
import { checkOwners, settingsOfFlags, settingFlags } from './setting-flags.ts';

/** The settings of the trainer, in the order of the table. */
const RUN_SETTINGS = TABLE.settings.filter(({ part }) => part === 'run') as (Setting & {
  readonly flag: Extract<Known, { part: 'run' }>['flag'] | 'method' | 'objective';
})[];

/** Settings whose flags have a value of another type: forgetting may name a text, and rows are read apart. */
const READ_APART: readonly Setting['part'][] = ['rows'];
const OTHERS = TABLE.settings.filter(({ part, name }) => !READ_APART.includes(part) && name !== 'forgetting');

export const trainFlags = {
  model: modelFlags.model,
  ...underFlag('Rows', { ...dataFlags, ...rowFlags }),
  recipe: recipeFlag,
  out: {
    value: 'DIR',
    help: 'where to write the PEFT folder (for full fine-tuning the model folder) and metrics.jsonl',
  },
  ...settingFlags(RUN_SETTINGS),
  ...underFlag('Rows', settingFlags(LIMIT_SETTINGS)),
  ...underFlag('Start, saving and resuming', {
    'init-adapter': { value: 'DIR', help: 'start from this PEFT adapter, with its rank, alpha and targets' },
    resume: {
      value: 'DIR',
      help: 'continue the run that was saved here (its state folder, or the folder given as --out); --out is then the same folder',
    },
    'save-every': {
      value: 'N',
      help: 'save the state every N steps, or every so often: 90s, 5m (default: 5m, rarer where saving takes long)',
    },
    'pause-after': {
      value: 'N',
      help: 'pause after step N and its validation, and save the run: --resume continues it',
    },
    overwrite: { help: 'discard the result or the run that --out holds' },
    json: {
      help: 'print the result of the run as one JSON object: steps, losses, validation, verdict, path of the adapter; text for people stays on standard error',
    },
  }),
  ...settingFlags(WATCH_SETTINGS),
  ...underFlag('Validation and forgetting', {
    // It may name a text.
    ['forgetting' as const]: generalFlag(
      'measure what is forgotten, before and after the run: the loss on general text, answers to general prompts, and KL to the base on prompts of the rows',
    ),
  }),
  ...underFlag('Rows', settingFlags(SPLIT_SETTINGS)),
  ...underFlag('Base model and device', {
    ...settingFlags(BASE_SETTINGS),
    device: modelFlags.device,
    threads: modelFlags.threads,
    kernels: modelFlags.kernels,
  }),
  help: modelFlags.help,
} as const satisfies FlagSpecs;

/** Samples of a file of weights that identify it for a resumed run: a megabyte in all, several in every layer. */
export const WEIGHT_PIECES = 256;

export type TrainFlags = Flags<typeof trainFlags>;

/** @throws GraftError `arguments` for rows that are longer than the model was made for */
export function checkLength(length: number, { maxPositions }: ModelShape): void {
  if (length > maxPositions)
    throw new GraftError(
      'arguments',
      `Rows of ${length} tokens are asked for, and the model was made for at most ${maxPositions}.`,
      'Choose a shorter length.',
    );
}

/** @throws GraftError `arguments` for rows of text that would start with all of the row before and teach next to nothing */
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
  const [idle] = idleSettings(given);
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
  if (learnerOf({ method }).trainsModel)
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

/** The kind of the adapter that a run starts from; undefined without one, or if reading it will say what is wrong. @throws GraftError `file-missing`, `json-…` */
export async function startKind(flags: TrainFlags): Promise<string | undefined> {
  const path = flags.text('init-adapter');
  return path === undefined || !existsSync(path) ? undefined : peftKind(folder(path));
}

/**
 * The settings that a call chooses, of all parts of the specification. What it leaves to the defaults depends on model and rows (`specFor`).
 *
 * @param start the kind of the adapter that the run starts from, which is the run's method then
 * @throws GraftError `arguments`, `train-option`
 */
export function readGiven(flags: TrainFlags, start?: string): Given {
  checkMethod(flags, start);
  const given = { ...chosenSettings(flags), ...(start !== undefined && { method: start }) };
  checkSettings(flags, given);
  const validates = (flags.number('val-fraction') ?? 0) > 0 || flags.isGiven('parts-by');
  checkSpec(specOf({ ...(validates && { evalEvery: 1 }), ...given }));
  return given;
}

/** The settings that the flags of a call give. @throws GraftError `arguments` */
function chosenSettings(flags: TrainFlags): Given {
  const forgetting = flags.text('forgetting') !== undefined || flags.on('forgetting');
  return { ...settingsOfFlags(flags, OTHERS), ...rowSettings(flags), ...(forgetting && { forgetting }) };
}
