/** Which rows a method needs, whether the open ones suit it, and how to get some that do. */
import { phrasingsOf } from '../../data/phrasings.ts';
import type { AdapterInfo, DataSummary } from '../../worker/api.ts';
import { BUNDLED_ROWS, type BundledRows } from '../data/bundled.ts';
import type { ScreenName } from '../state/route.svelte.ts';
import { plural } from '../../numbers.ts';
import { kindOfRows, ROW_KINDS } from './settings.ts';
import type { Needs } from './tuning-methods.ts';

/** The rows and adapters that there are to learn from. */
export interface Situation {
  readonly data?: DataSummary;
  /** The template of prompts by which the open rows are read. */
  readonly prompt?: string;
  /** Adapters of the open model, the latest first. */
  readonly adapters: readonly AdapterInfo[];
}

interface Need {
  /** What it is, with the columns of a file. */
  readonly rows: string;
  /** What to do if there are none. */
  readonly get: string;
  readonly bundled?: BundledRows & { readonly label: string };
  /** The stage where that is done, if not Data. */
  readonly at?: ScreenName;
}

const columnsOf = (kind: keyof typeof ROW_KINDS): string =>
  `${ROW_KINDS[kind].are}: ${ROW_KINDS[kind].columns}`;

export const NEEDS: Readonly<Record<Needs, Need>> = {
  answers: {
    rows: `${columnsOf('answers')}, or messages`,
    get: 'Open rows with these columns, or choose columns under Data.',
  },
  pairs: {
    rows: columnsOf('pairs'),
    get: 'Open such rows, or vote between two answers under Use.',
    bundled: { label: 'Open bundled pairs', ...BUNDLED_ROWS.pairs },
  },
  unpaired: {
    rows: columnsOf('unpaired'),
    get: 'Open such rows: thumbs from a log will do.',
    bundled: { label: 'Open bundled labels', ...BUNDLED_ROWS.labels },
  },
  prompts: {
    rows: 'prompts, with the reference answer if a reward needs it: prompt, or prompt and completion',
    get: 'Open such rows.',
  },
  queries: {
    rows: columnsOf('queries'),
    get: 'Tune an encoder with them by graft train --objective contrastive, or with your own questions under Documents.',
  },
  text: {
    rows: 'plain text or Markdown',
    get: 'Open a .txt or .md file.',
    bundled: { label: 'Open bundled text', ...BUNDLED_ROWS.text },
  },
  tasks: {
    rows: 'two files or more, each a task',
    get: 'Add a file under Data, as another task.',
    bundled: { label: 'Add bundled orders', ...BUNDLED_ROWS.orders },
  },
  template: {
    rows: 'a table with columns of any names',
    get: 'Open a table, and choose a template above its columns.',
    bundled: { label: 'Open bundled table', ...BUNDLED_ROWS.table },
  },
  adapter: {
    rows: 'single answers, and an adapter of this model',
    get: 'Train the first stage, or import an adapter under Use.',
    at: 'use',
  },
  feedback: {
    rows: 'answers that were judged or corrected',
    get: 'Judge answers under Use.',
    at: 'use',
  },
};

/** What meets a need, in words; undefined if nothing does. */
export function met(needs: Needs, { data, prompt, adapters }: Situation): string | undefined {
  const kind = data && kindOfRows(data);
  const rows = data ? plural(data.rows.train, 'row') : '';
  const answers = kind === 'answers';
  switch (needs) {
    case 'text':
      return data?.format === 'document' || data?.format === 'text' ? `${rows} of text` : undefined;
    case 'tasks':
      return data && data.tasks.length > 1 && answers
        ? data.tasks.map(({ name }) => name).join(', ')
        : undefined;
    case 'template':
      return answers && prompt !== undefined && phrasingsOf(prompt).templates.length > 1
        ? `${rows} in ${phrasingsOf(prompt).templates.length} phrasings`
        : undefined;
    case 'adapter':
      return answers && adapters.length > 0 ? `from “${adapters[0].name}”` : undefined;
    case 'feedback':
      return undefined;
    case 'prompts':
      return answers || kind === 'prompts' ? rows : undefined;
    default:
      return kind === needs ? rows : undefined;
  }
}

/** Which other rows are open; '' if none are. */
export function openInstead({ data }: Situation): string {
  const kind = data && kindOfRows(data);
  return kind === undefined ? '' : kind === 'mixed' ? 'rows of several kinds' : ROW_KINDS[kind].are;
}
