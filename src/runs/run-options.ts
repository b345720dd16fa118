/** A run's settings from the page: for the trainer, and as the command that repeats the run headless. */
import { asRowsAsk } from '../data/questions.ts';
import { writeSkipped } from '../data/skip-list.ts';
import { GraftError } from '../errors.ts';
import { fileNameOf } from '../export/folder-sink.ts';
import { promptOf } from '../evaluate/answer.ts';
import { checkLastLayers } from '../model/trained-part.ts';
import { sameChoices, type WeightChoices } from '../model/weight-types.ts';
import { idleReason, idleSettings } from '../settings/idle.ts';
import { recipeFlags, type Recipe } from '../settings/recipe.ts';
import type { Given, Setting, SettingValue } from '../settings/setting.ts';
import { pageValues, settingOf, TABLE, type PageValues } from '../settings/table.ts';
import { allowed, isAllowed } from '../settings/values.ts';
import { longestSequence } from '../text/trainable.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { checkKind, kindOfRow, virtualTokens } from '../train/learning.ts';
import { shellWord } from '../text/shell.ts';
import { checkOptions, trainOptionsOf, type TrainOptions } from '../train/options.ts';
import type { DataOptions } from '../data/options.ts';
import type { Mixture } from '../data/mixture.ts';
import { ROWS_FILE, TEST_FILE } from '../data/parts.ts';
import { onlyTask, rowsOf, type FilePlace, type RowSet } from '../data/row-set.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { checkStart } from './trainable.ts';

/** The settings of a run: those of the trainer and those of the page alone, as the table of settings has them. */
export type RunOptions = PageValues & {
  /** The adapter of the library that it starts from: rank, alpha, patterns and targets come from it. */
  readonly start?: { readonly id: string; readonly name: string };
  /** The id of the first of its new tokens, by the tokenizer of the base. */
  readonly firstToken?: number;
  /** The one task of the open rows that it is trained on; all of them if left out. */
  readonly task?: string;
  /** Its adapter is on trial until a person puts it in use. */
  readonly trial?: boolean;
};

/** The open base model, as far as the settings of a run depend on it. */
export interface BaseOfRun {
  readonly source: { readonly name: string; readonly bundled: boolean; readonly baseWeights?: WeightChoices };
  readonly info: {
    readonly name: string;
    readonly precision: 'f32' | 'f16';
    readonly maxPositions: number;
    readonly layers: number;
  };
  readonly tokenizer: Tokenizer;
  /** Identifies its content: rows belong to it. */
  readonly content: string;
}

/** The most tokens of a sample answer. */
export const SAMPLE_TOKENS = 48;

/** Runs of versions without a setting have its default, as do runs whose method lacks it, and runs in which it does nothing. */
export function trainOptions(options: RunOptions): TrainOptions {
  const given = Object.entries(options).filter(([name]) => {
    const setting = TABLE.find(name);
    return (
      setting !== undefined && TABLE.applies(setting, options) && idleReason(name, options) === undefined
    );
  });
  const train = trainOptionsOf(Object.fromEntries(given) as Given);
  const { firstToken } = options;
  return firstToken === undefined || !train.lora.addTokens
    ? train
    : { ...train, lora: { ...train.lora, firstToken } };
}

/**
 * Refuses impossible settings before anything is compiled.
 *
 * @throws GraftError `train-option`, `train-rows`, `worker-data-model`
 */
export function checkRun(
  options: RunOptions,
  data: RowSet,
  { content, tokenizer, info }: Omit<BaseOfRun, 'source'>,
): void {
  const wrong = (what: string, remedy: string): GraftError => new GraftError('train-option', what, remedy);
  checkOptions(trainOptions(options));
  checkStart(trainOptions(options), options.start !== undefined);
  checkLastLayers(info, options);
  if (data.modelContent !== content) {
    throw new GraftError(
      'worker-data-model',
      `${data.name} was prepared for another model than ${info.name}.`,
      'Open the data again.',
    );
  }
  for (const { row } of data.places) checkKind(objectiveOf(options.objective), kindOfRow(row));
  const longest = data.places.reduce((length, { row }) => Math.max(length, longestSequence(row)), 0);
  if (longest > options.maxLength) {
    throw wrong(
      `The run takes rows of at most ${options.maxLength} tokens, and the longest row has ${longest}.`,
      'Prepare the data with the same length.',
    );
  }
  const own = onlyTask(data, options.task);
  if (rowsOf(own, 'train').length === 0)
    throw wrong(
      `No row is of the task ${options.task ?? ''}.`,
      'Choose a task of the open rows, or all of them.',
    );
  if (options.evalEvery > 0 && rowsOf(own, 'validation').length === 0)
    throw wrong(
      `The run should evaluate every ${options.evalEvery} steps, and no rows are held out for validation.`,
      'Split a validation part off, or choose 0.',
    );
  const sampling = settingOf('sampleEvery');
  if (!isAllowed(sampling, options.sampleEvery))
    throw wrong(`The setting sampleEvery is ${options.sampleEvery}.`, `Choose ${allowed(sampling)}.`);
  if (options.sampleEvery > 0) {
    const { length } = promptOf(tokenizer, asRowsAsk(data, options.samplePrompt, tokenizer));
    const most = info.maxPositions - SAMPLE_TOKENS - virtualTokens(options);
    if (length === 0 || length > most)
      throw wrong(
        `The sample prompt has ${length} tokens.`,
        `Choose one of 1 to ${most} tokens, or no samples.`,
      );
  }
}

/**
 * The recipe of a run, by the names of the settings: what is trained, and how rows are read and split. It names no files: each
 * person has their own.
 *
 * @param data how the rows were read; undefined where that was not kept
 * @param base the types of the base weights; for runs of versions without that choice the precision is not known
 */
export function recipeOf(
  options: RunOptions,
  data: Partial<DataOptions> | undefined,
  { precision, baseWeights }: { precision?: 'f32' | 'f16'; baseWeights?: WeightChoices },
): Recipe {
  const values: Record<string, SettingValue | undefined> = {
    ...pageValues({ ...options }),
    ...readSettings(data),
    overlong: data?.overlong ?? 'truncate-end',
    validationFraction: data?.validation ?? 0,
    testFraction: data?.test ?? 0,
    splitSeed: data?.seed ?? options.seed,
    precision,
    ...weightSettings(baseWeights),
    initAdapter: options.start && adapterPlace(options.start),
  };
  const given = TABLE.settings.filter(
    (setting) =>
      values[setting.name] !== undefined &&
      TABLE.applies(setting, options) &&
      !isUnchosen(setting, values[setting.name]) &&
      // The shape comes from the adapter that it starts from.
      !(options.start && setting.fixed),
  );
  const recipe = Object.fromEntries(given.map(({ name }) => [name, values[name]!]));
  // What does nothing would be refused.
  const idle = new Set(idleSettings(recipe).map(({ name }) => name));
  return Object.fromEntries(Object.entries(recipe).filter(([name]) => !idle.has(name)));
}

/** Whether a newer setting has the value that older runs had: then a recipe can leave it out. */
function isUnchosen({ later, initial }: Setting, value: unknown): boolean {
  return later === true && JSON.stringify(value) === JSON.stringify(initial);
}

/** The folder of an exported adapter for the command, named like the command's own. */
const adapterPlace = ({ name }: { readonly name: string }): string => `out/${fileNameOf(name)}`;

/** The command that trains the same adapter on the same rows: read alike, split alike. */
export function headlessCommand(
  options: RunOptions,
  rows: RowSet,
  { source, info }: Pick<BaseOfRun, 'source' | 'info'>,
): string {
  const { options: data } = rows;
  const recipe: Recipe = {
    ...filesOf(rows, options.task),
    ...recipeOf(options, data, {
      precision: info.precision,
      // A full fine-tuning takes the weights as stored.
      ...(options.method !== 'full' && { baseWeights: source.baseWeights }),
    }),
  };
  const { start } = options;
  const from = settingOf('initAdapter').flag;
  const told = recipeFlags(recipe).filter(([flag]) => flag !== from);
  const afterRows = told.findIndex(([flag]) => flag === settingOf('steps').flag);
  const flags: [flag: string, value: string | boolean][] = [
    ['model', source.bundled ? `public/models/${source.name}` : source.name],
    ...told.slice(0, afterRows),
    ['out', `out/${fileNameOf(options.name)}`],
    ...(start ? [['init-adapter', adapterPlace(start)] as [string, string]] : []),
    ...told.slice(afterRows),
  ];
  const words = flags.flatMap(([flag, value]) => {
    if (typeof value === 'boolean') return value ? [`--${flag}`] : [];
    const word = shellWord(value);
    // A value that begins with a hyphen would be taken for a flag.
    return word.startsWith("'-") || word.startsWith('-') ? [`--${flag}=${word}`] : [`--${flag}`, word];
  });
  return ['npx', 'graft', 'train', ...words].join(' ');
}

/** The files of a run as an argument of the command: in a mixture each with its share, or the one file of a task that is trained alone. */
function filesOf(
  { name, path = name, heldOut, more = [], options }: RowSet,
  only: string | undefined,
): Recipe {
  const pathOf = (file: FilePlace): string => file.path ?? file.name;
  const test: Recipe = heldOut ? { testData: pathOf(heldOut) } : {};
  const { mixture } = options ?? {};
  const tasks = (mixture?.tasks ?? []).map(({ name: task, file, share }) => ({
    task,
    place: file - TEST_FILE - 1,
    path: file === ROWS_FILE ? path : pathOf(more[file - TEST_FILE - 1]),
    share,
  }));
  // Files of more rows are of the first task.
  const rest = more.filter((_, at) => !tasks.some(({ place }) => place === at)).map(pathOf);
  const moreData: Recipe = rest.length > 0 ? { moreData: rest } : {};
  const alone = tasks.findIndex(({ task }) => task === only);
  if (alone > 0) return { data: tasks[alone].path };
  if (tasks.length < 2 || alone === 0) return { data: path, ...moreData, ...test };
  const data = tasks.map(
    ({ task, path: file, share }) =>
      `${nameInCommand(task)}=${file.replaceAll(',', '\\,')}${mixture?.mix === 'given' && share !== undefined ? `:${share}` : ''}`,
  );
  return { data: data.join(), ...moreData, ...test };
}

const nameInCommand = (task: string): string => task.replaceAll(/[=\\/,:]/g, '-');

/** Tasks without held-out rows, as an argument of the command; undefined if there are none. */
function wholeTasks({ tasks }: Mixture): readonly string[] | undefined {
  const whole = tasks.filter((task) => task.whole);
  return whole.length > 0 ? whole.map(({ name }) => nameInCommand(name)) : undefined;
}

/** The types of the base weights, where they are not as stored. */
function weightSettings(choices: WeightChoices | undefined): Record<string, SettingValue | undefined> {
  return !choices || sameChoices(choices)
    ? {}
    : { baseWeights: choices.matrices, embeddingWeights: choices.embeddings };
}

/** How the file is read, if that is not detected. */
function readSettings({
  mapping,
  header,
  delimiter,
  skip,
  dropCopies,
  mixture,
  text,
}: Partial<DataOptions> = {}): Record<string, SettingValue | undefined> {
  return {
    documents: text?.documents,
    textRows: text?.packed ? 'packed' : undefined,
    textOverlap: text?.packed ? undefined : text?.overlap,
    ...(mixture && {
      mix: mixture.mix === 'given' ? undefined : mixture.mix,
      mixTemperature: mixture.mix === 'temperature' ? mixture.temperature : undefined,
      mixCap: mixture.cap,
      trainWhole: wholeTasks(mixture),
    }),
    ...Object.fromEntries(
      Object.entries(mapping ?? {}).map(([part, template]: [string, string]) => [
        `${part}Template`,
        template,
      ]),
    ),
    header: header === undefined ? undefined : header ? 'yes' : 'no',
    delimiter: delimiter === '\t' ? 'tab' : delimiter,
    skipRows: writeSkipped(skip ?? []) || undefined,
    dropDuplicates: dropCopies === true ? true : undefined,
  };
}
