/** Bundled rows in files, for what samples do not teach, and all bundled rows by what they teach. */
import { messageOf } from '../../errors.ts';
import { fetchBytes } from '../start/fetch.ts';
import type { ShownSample } from '../start/samples.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

/** Bundled rows in a file. */
export interface BundledRows {
  readonly title: string;
  /** What they teach, in one sentence. */
  readonly what: string;
  /** “200 pairs”. */
  readonly size: string;
  /** Under samples/. */
  readonly path: string;
  /** The name of the file once it is open. */
  readonly name: string;
}

export const BUNDLED_ROWS = {
  pairs: {
    title: 'The shorter of two answers',
    what: 'Two right answers to each question; the shorter is chosen: for DPO, ORPO and SimPO.',
    size: '200 pairs',
    path: 'more/pairs.jsonl',
    name: 'short-answers.jsonl',
  },
  labels: {
    title: 'Thumbs on answers',
    what: 'Single answers, the short ones liked and the long ones not: for KTO.',
    size: '240 labels',
    path: 'more/votes.jsonl',
    name: 'short-answers-votes.jsonl',
  },
  text: {
    title: 'The captain’s log',
    what: 'Plain text in the captain’s voice, without questions: continued pre-training.',
    size: '78 paragraphs',
    path: 'more/log.txt',
    name: 'captains-log.txt',
  },
  table: {
    title: 'Where it happened',
    what: 'A table of messages and their places: choose the columns, or an instruction template.',
    size: '160 rows',
    path: 'more/shops.csv',
    name: 'shops.csv',
  },
  orders: {
    title: 'Orders',
    what: 'Orders and their JSON, as a second task next to other rows.',
    size: '400 rows',
    path: 'orders-json/train.jsonl',
    name: 'orders.jsonl',
  },
} as const satisfies Readonly<Record<string, BundledRows>>;

/** Files for what no sample teaches, in the order in which they are offered. */
export const MORE_ROWS: readonly BundledRows[] = [
  BUNDLED_ROWS.pairs,
  BUNDLED_ROWS.labels,
  BUNDLED_ROWS.text,
  BUNDLED_ROWS.table,
];

interface BundledGroup {
  readonly name: string;
  readonly samples: readonly ShownSample[];
  readonly files: readonly BundledRows[];
}

/** All bundled rows by what they teach. @param samples as they are listed */
export function bundledGroups(samples: readonly ShownSample[]): readonly BundledGroup[] {
  const { pairs, labels, text, table } = BUNDLED_ROWS;
  const isRewarded = ({ settings }: ShownSample): boolean => settings.objective !== undefined;
  const isLesson = ({ settings }: ShownSample): boolean => settings.forgetting === true;
  const hasDocuments = ({ documents }: ShownSample): boolean => documents !== undefined;
  return [
    {
      name: 'Answers',
      samples: samples.filter((sample) => !isRewarded(sample) && !isLesson(sample) && !hasDocuments(sample)),
      files: [],
    },
    { name: 'Preferences', samples: [], files: [pairs, labels] },
    { name: 'Rewards', samples: samples.filter(isRewarded), files: [] },
    { name: 'Text and tables', samples: [], files: [text, table] },
    { name: 'Documents', samples: samples.filter(hasDocuments), files: [] },
    { name: 'Forgetting', samples: samples.filter(isLesson), files: [] },
  ].filter((group) => group.samples.length + group.files.length > 0);
}

/**
 * Opens bundled rows under Data, which says so if the file is not there.
 *
 * @param next to whether the open rows stay: what the file is to them is asked then
 */
export async function openBundled(
  { rows, data, route }: Studio,
  { path, name }: Pick<BundledRows, 'path' | 'name'>,
  beside = false,
): Promise<void> {
  route.go('data');
  let file: File;
  try {
    file = new File([await fetchBytes(path)], name);
  } catch (error) {
    data.failure = {
      code: 'app-bundled',
      what: `${name} could not be fetched: ${messageOf(error)}.`,
      remedy: 'Try again once the page can be reached, or open a file of your own.',
    };
    return;
  }
  if (!beside || !data.ask(file)) await rows.openFile(file);
}
