/** Flags that say how data files are read, which columns are prompt and answer, and which rows are left out. */
import type { ReadOptions } from '../data/formats.ts';
import type { Mapping } from '../data/mapping.ts';
import type { Skipped } from '../data/parts.ts';
import { parseSkipped } from '../data/skip-list.ts';
import { GraftError } from '../errors.ts';
import { MIXES, type Mixture } from '../data/mixture.ts';
import type { TextOptions } from '../data/documents.ts';
import { FILE_SETTINGS, MIXTURE_SETTINGS, MORE_ROWS_SETTINGS, TEXT_SETTINGS } from '../settings/rows.ts';
import type { Flags } from './flags.ts';
import { fileNames, mixtureOf, readTasks, withReplay, type TaskFile } from './task-files.ts';
import { settingFlags } from './setting-flags.ts';
import { readTemplate, templateFlag } from './template-flag.ts';

export const dataFlags = {
  ...settingFlags([...FILE_SETTINGS, ...TEXT_SETTINGS]),
  template: templateFlag,
} as const;

/** Flags that add files and leave rows out, for a run. */
export const rowFlags = {
  ...settingFlags([...MORE_ROWS_SETTINGS, ...MIXTURE_SETTINGS]),
  replay: {
    value: 'FILE:SHARE',
    help: 'rows of an earlier stage, and their share of the rows that are drawn: one more task beside those of --data',
  },
} as const;

export interface RowOptions {
  readonly more?: readonly string[];
  /** If --data names several files, the first has the rows, and the others come before the files of --more-data. */
  readonly mixture?: Mixture;
  readonly test?: string;
  readonly skip?: Skipped;
  readonly dropDuplicates?: true;
  readonly text?: TextOptions;
}

/** Leaves out flags that are not given: a run that was saved by a version without them has none. @throws GraftError `arguments` */
export function readRowOptions(flags: Flags<typeof dataFlags & typeof rowFlags>): RowOptions {
  const tasks = withReplay(readTasks(flags.required('data')), flags.text('replay'));
  const moreData = flags.text('more-data');
  const more = [
    ...tasks.slice(1).map(({ path }) => path),
    ...(moreData === undefined ? [] : fileNames(moreData)),
  ];
  const mixture = readMixture(flags, tasks);
  const test = flags.text('test-data');
  const skip = flags.text('skip-rows');
  return {
    ...(more.length > 0 && { more }),
    ...(mixture && { mixture }),
    ...(test !== undefined && { test }),
    ...(skip !== undefined && { skip: parseSkipped(skip) }),
    ...(flags.on('drop-duplicates') && { dropDuplicates: true }),
    ...readText(flags),
  };
}

function readText(flags: Flags<typeof dataFlags>): Pick<RowOptions, 'text'> {
  const documents = flags.text('documents');
  const rows = flags.choice('text-rows', ['apart', 'packed'] as const);
  const overlap = flags.whole('text-overlap', 1);
  if (overlap !== undefined && rows === 'packed')
    throw new GraftError(
      'arguments',
      '--text-overlap is for rows of one document, and --text-rows packed lays documents end to end.',
      'Leave one of them out.',
    );
  const text: TextOptions = {
    ...(documents !== undefined && { documents }),
    ...(rows === 'packed' && { packed: true }),
    ...(overlap !== undefined && { overlap }),
  };
  return Object.keys(text).length > 0 ? { text } : {};
}

function readMixture(flags: Flags<typeof rowFlags>, tasks: readonly TaskFile[]): Mixture | undefined {
  const mix = flags.choice('mix', MIXES);
  const temperature = flags.number('mix-temperature');
  const cap = flags.whole('mix-cap', 1);
  const wrong = (what: string, remedy: string): GraftError => new GraftError('arguments', what, remedy);
  const whole = fileNames(flags.text('train-whole') ?? '').filter((name) => name !== '');
  const asked = (['mix', 'mix-temperature', 'mix-cap', 'train-whole'] as const).find((name) =>
    flags.isGiven(name),
  );
  if (tasks.length < 2) {
    if (asked)
      throw wrong(
        `--${asked} is for several tasks, and --data names one.`,
        'Give a file for each task: --data A.jsonl,B.jsonl.',
      );
    return undefined;
  }
  const hasShares = tasks[0].share !== undefined;
  if (hasShares && (mix ?? temperature) !== undefined)
    throw wrong('The files of --data have shares, and --mix would make others.', 'Leave one of them out.');
  if (temperature !== undefined && mix !== 'temperature')
    throw wrong('--mix-temperature is for --mix temperature.', 'Give both, or neither.');
  if (temperature !== undefined && temperature < 1)
    throw wrong(`--mix-temperature is ${temperature}.`, 'Choose 1 or more: 1 is proportional.');
  const stranger = whole.find((name) => tasks.every((task) => task.name !== name));
  if (stranger !== undefined)
    throw wrong(
      `--train-whole names ${stranger}, and no task is called so.`,
      `The tasks are ${tasks.map(({ name }) => name).join(', ')}: give them names as NAME=FILE.`,
    );
  const told = tasks.map((task) => (whole.includes(task.name) ? { ...task, whole: true } : task));
  return mixtureOf(told, {
    mix: hasShares ? 'given' : (mix ?? 'proportional'),
    ...(temperature !== undefined && { temperature }),
    ...(cap !== undefined && { cap }),
  });
}

/** @throws GraftError `arguments` for templates that exclude each other, or half a pair */
export function readReadOptions(flags: Flags<typeof dataFlags>): ReadOptions {
  const header = flags.choice('header', ['yes', 'no'] as const);
  const delimiter = flags.text('delimiter');
  const fileName = readTasks(flags.required('data'))[0].path;
  const table = {
    ...(header && { header: header === 'yes' }),
    ...(delimiter !== undefined && { delimiter: delimiter === 'tab' ? '\t' : delimiter }),
  };
  const written = readMapping(flags);
  const template = flags.text('template');
  if (template !== undefined && written)
    throw new GraftError(
      'arguments',
      '--template makes prompt and answer, and other templates are given as well.',
      'Leave one of them out.',
    );
  return {
    fileName,
    mapping: template === undefined ? written : readTemplate(template, fileName, table),
    ...(flags.text('documents') !== undefined && { documents: flags.text('documents') }),
    ...table,
  };
}

function readMapping(flags: Flags<typeof dataFlags>): Mapping | undefined {
  const [prompt, input, answer, system, text] = (
    ['prompt', 'input', 'answer', 'system', 'text'] as const
  ).map((name) => flags.text(`${name}-template`));
  const others = [prompt, input, answer, system].some((template) => template !== undefined);
  const wrong = (what: string): GraftError =>
    new GraftError(
      'arguments',
      what,
      'Give --prompt-template and --answer-template, or --text-template alone.',
    );
  if (text !== undefined) {
    if (others) throw wrong('--text-template stands alone: it makes the whole row.');
    return { text };
  }
  if (!others) return undefined;
  if (prompt === undefined || answer === undefined)
    throw wrong(`--${prompt === undefined ? 'prompt' : 'answer'}-template is missing.`);
  return {
    ...(system !== undefined && { system }),
    prompt,
    ...(input !== undefined && { input }),
    answer,
  };
}
