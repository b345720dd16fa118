/** Flags that say which files a call reads, how, which columns are prompt and answer, and how the rows are split. */
import type { ReadOptions } from '../data/formats.ts';
import type { Mixture } from '../data/mixture.ts';
import type { DataOptions } from '../data/options.ts';
import { mixtureOf, OF_MIXTURES, readingOf, templateSettings } from '../data/reading.ts';
import { GraftError } from '../errors.ts';
import {
  FILE_SETTINGS,
  LIMIT_SETTINGS,
  MIXTURE_SETTINGS,
  MORE_ROWS_SETTINGS,
  SPLIT_SETTINGS,
  TEXT_SETTINGS,
} from '../settings/rows.ts';
import type { Given } from '../settings/setting.ts';
import { settingOf, TABLE } from '../settings/table.ts';
import { allowed, isAllowed } from '../settings/values.ts';
import type { Flags, FlagSpecs } from './flags.ts';
import { settingsOfFlags, settingFlags } from './setting-flags.ts';
import { fileNames, readTasks, tasksInPlaces, withReplay, writeTasks } from './task-files.ts';
import { readTemplate, templateFlag } from './template-flag.ts';

const OF_ROWS = TABLE.settings.filter(({ part, flag }) => part === 'rows' && flag !== undefined);

export const dataFlags = {
  ...settingFlags([...FILE_SETTINGS, ...TEXT_SETTINGS]),
  template: templateFlag,
} as const;

/** Flags that add files and leave rows out, for a run. */
export const rowFlags = {
  ...settingFlags([...MORE_ROWS_SETTINGS, ...MIXTURE_SETTINGS]),
  replay: {
    value: 'FILE:SHARE',
    help: 'rows of an earlier stage, and their share of the rows that are drawn: one more task in addition to those of --data',
  },
} as const;

/** The flags of {@link readAskedRows}. */
export const splitFlags = {
  ...dataFlags,
  ...rowFlags,
  overlong: settingFlags(LIMIT_SETTINGS).overlong,
  ...settingFlags(SPLIT_SETTINGS),
} as const satisfies FlagSpecs;

/** The files of a call, and how their rows are read and split. */
export interface AskedRows {
  readonly file: string;
  /** Test rows of their own. */
  readonly test?: string;
  /** If --data names several files, all but the first come before those of --more-data. */
  readonly more: readonly string[];
  /** The file of changes that were made on the page. */
  readonly changes?: string;
  readonly options: Omit<DataOptions, 'maxLength'>;
}

/**
 * The settings about rows that a call gives. What `--template` makes of the columns, and what `--replay` adds to the files, is among them.
 *
 * @throws GraftError `arguments` for a value that its setting does not allow
 */
export function rowSettings(flags: Flags<typeof dataFlags>): Given {
  const given = settingsOfFlags(flags, OF_ROWS);
  for (const [name, value] of Object.entries(given)) {
    const setting = settingOf(name as Parameters<typeof settingOf>[0]);
    if (!isAllowed(setting, value))
      throw new GraftError(
        'arguments',
        `--${setting.flag} is ${String(value)}.`,
        `Choose ${allowed(setting)}.`,
      );
  }
  const replay = flags.text('replay' as keyof typeof dataFlags);
  const data =
    replay === undefined ? {} : { data: writeTasks(withReplay(readTasks(flags.required('data')), replay)) };
  const template = flags.text('template');
  if (template === undefined) return { ...given, ...data };
  const { mapping, ...table } = readingOf(given);
  if (mapping)
    throw new GraftError(
      'arguments',
      '--template makes prompt and answer, and other templates are given as well.',
      'Leave one of them out.',
    );
  const { header, delimiter } = table;
  const [{ path }] = readTasks(flags.required('data'));
  return { ...given, ...data, ...templateSettings(readTemplate(template, path, { header, delimiter })) };
}

/** How one file is read. @throws GraftError `arguments` for templates that exclude each other, or half a pair */
export function readReadOptions(flags: Flags<typeof dataFlags>): ReadOptions {
  const { mapping, header, delimiter, text } = readingOf(rowSettings(flags));
  return {
    ...{ fileName: readTasks(flags.required('data'))[0].path, mapping },
    ...(text?.documents !== undefined && { documents: text.documents }),
    ...(header !== undefined && { header }),
    ...(delimiter !== undefined && { delimiter }),
  };
}

/**
 * Leaves out what is not given: a run that was saved by a version without it has none.
 *
 * @param seed of the run, which splits too unless the flags say otherwise
 * @throws GraftError `arguments`
 */
export function readAskedRows(flags: Flags<typeof splitFlags>, seed: number): AskedRows {
  const given = rowSettings(flags);
  const tasks = withReplay(readTasks(flags.required('data')), flags.text('replay'));
  const moreData = flags.text('more-data');
  const test = flags.text('test-data');
  const changes = flags.text('row-changes');
  const mixture = readMixture(given, tasksInPlaces(tasks));
  const options = readingOf(given);
  // Separate test rows belong to the first task; the test rows of other tasks are split off.
  if ((options.test ?? 0) > 0 && test !== undefined && !mixture)
    throw new GraftError(
      'arguments',
      '--test-data gives the test rows, and --test-fraction asks for others.',
      'Leave one of them out.',
    );
  return {
    file: tasks[0].path,
    ...(test !== undefined && { test }),
    ...(changes !== undefined && { changes }),
    more: [...tasks.slice(1).map(({ path }) => path), ...(moreData === undefined ? [] : fileNames(moreData))],
    options: {
      ...{ overlong: 'truncate-end', validation: 0, test: 0, seed },
      ...options,
      ...(mixture && { mixture }),
    },
  };
}

function readMixture(given: Given, tasks: Mixture['tasks']): Mixture | undefined {
  if (tasks.length > 1) return mixtureOf(tasks, given);
  const asked = OF_MIXTURES.find((name) => given[name] !== undefined);
  if (asked)
    throw new GraftError(
      'arguments',
      `--${settingOf(asked).flag} is for several tasks, and --data names one.`,
      'Give a file for each task: --data A.jsonl,B.jsonl.',
    );
  return undefined;
}

/** The files that a call reads, which its output must not replace. */
export function readPaths(
  flags: Flags<typeof splitFlags>,
): { readonly what: string; readonly path: string }[] {
  const { file, test, more } = readAskedRows(flags, 0);
  return [
    { what: 'the data', path: file },
    ...(test === undefined ? [] : [{ what: 'the test data', path: test }]),
    ...more.map((path) => ({ what: 'the data', path })),
  ];
}
