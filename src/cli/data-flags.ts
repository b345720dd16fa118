/** Flags that say how data files are read, which columns are prompt and answer, and which rows are left out. */
import type { ReadOptions } from '../data/formats.ts';
import type { Mapping } from '../data/mapping.ts';
import type { Skipped } from '../data/parts.ts';
import { parseSkipped } from '../data/skip-list.ts';
import { GraftError } from '../errors.ts';
import { FILE_SETTINGS, MORE_ROWS_SETTINGS } from '../settings/rows.ts';
import type { Flags } from './flags.ts';
import { settingFlags } from './setting-flags.ts';

export const dataFlags = settingFlags(FILE_SETTINGS);

/** Flags that add files and leave rows out, for a run. */
export const rowFlags = settingFlags(MORE_ROWS_SETTINGS);

export interface RowOptions {
  readonly more?: readonly string[];
  readonly test?: string;
  readonly skip?: Skipped;
  readonly dropDuplicates?: true;
}

/** What is not given is missing: a run that was saved before there were these flags has none. @throws GraftError `arguments` */
export function readRowOptions(flags: Flags<typeof rowFlags>): RowOptions {
  const more = flags.text('more-data');
  const test = flags.text('test-data');
  const skip = flags.text('skip-rows');
  return {
    ...(more !== undefined && {
      more: more.split(/(?<!\\),/).map((name) => name.replaceAll('\\,', ',').trim()),
    }),
    ...(test !== undefined && { test }),
    ...(skip !== undefined && { skip: parseSkipped(skip) }),
    ...(flags.on('drop-duplicates') && { dropDuplicates: true }),
  };
}

/** @throws GraftError `arguments` for templates that exclude each other, or half a pair */
export function readReadOptions(flags: Flags<typeof dataFlags>): ReadOptions {
  const header = flags.choice('header', ['yes', 'no'] as const);
  const delimiter = flags.text('delimiter');
  return {
    fileName: flags.required('data'),
    mapping: readMapping(flags),
    ...(header && { header: header === 'yes' }),
    ...(delimiter !== undefined && { delimiter: delimiter === 'tab' ? '\t' : delimiter }),
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
