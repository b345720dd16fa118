/** Flags that say how data files are read, which columns are prompt and answer, and which rows are left out. */
import type { ReadOptions } from '../data/formats.ts';
import type { Mapping } from '../data/mapping.ts';
import type { Skipped } from '../data/parts.ts';
import { parseSkipped } from '../data/skip-list.ts';
import { GraftError } from '../errors.ts';
import type { FlagSpecs, Flags } from './flags.ts';

export const dataFlags = {
  data: {
    value: 'FILE',
    help: 'JSONL, JSON, CSV, TSV or plain text: messages, Alpaca, ShareGPT, prompt/completion, text, or ids/labels',
  },
  'prompt-template': {
    value: 'T',
    help: 'other columns: what the model reads, with columns as {{name}}, nested ones as {{list.0.name}}',
  },
  'input-template': { value: 'T', help: 'what the prompt is about, on a line under it, where a row has it' },
  'answer-template': { value: 'T', help: 'what it should answer, likewise' },
  'system-template': { value: 'T', help: 'a system message before the prompt, likewise' },
  'text-template': { value: 'T', help: 'instead of these: one text, with a loss on all of it' },
  header: {
    value: 'yes|no',
    help: 'whether the first row of a table names its columns (default: detected)',
  },
  delimiter: {
    value: 'C',
    help: 'the character between the cells of a table, or tab (default: detected)',
  },
} as const satisfies FlagSpecs;

/** Flags that add files and leave rows out, for a run. */
export const rowFlags = {
  'more-data': {
    value: 'FILE,…',
    help: 'more rows, read and split like those of --data (a comma in a name as \\,)',
  },
  'test-data': {
    value: 'FILE',
    help: 'test rows of their own: never trained on, compared with the rows that are',
  },
  'skip-rows': {
    value: 'N,N-M,…',
    help: 'lines that are left out; of other files as test:N, more:N, more2:N',
  },
  'drop-duplicates': {
    help: 'keep one of the rows that teach the same: that of the test before that of the training',
  },
} as const satisfies FlagSpecs;

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
