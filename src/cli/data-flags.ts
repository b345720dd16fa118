/** Flags that say how a data file is read: which columns are prompt and answer, and what a table looks like. */
import type { ReadOptions } from '../data/formats.ts';
import type { Mapping } from '../data/mapping.ts';
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
  const [prompt, answer, system, text] = (['prompt', 'answer', 'system', 'text'] as const).map((name) =>
    flags.text(`${name}-template`),
  );
  const wrong = (what: string): GraftError =>
    new GraftError(
      'arguments',
      what,
      'Give --prompt-template and --answer-template, or --text-template alone.',
    );
  if (text !== undefined) {
    if (prompt !== undefined || answer !== undefined || system !== undefined)
      throw wrong('--text-template excludes the other templates.');
    return { text };
  }
  if (prompt === undefined && answer === undefined && system === undefined) return undefined;
  if (prompt === undefined || answer === undefined)
    throw wrong(`--${prompt === undefined ? 'prompt' : 'answer'}-template is missing.`);
  return { ...(system !== undefined && { system }), prompt, answer };
}
