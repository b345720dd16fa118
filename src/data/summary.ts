/** What the page shows about the open data. Counts are those of the list of rows, so that they agree with what it shows. */
import type { ChangedList } from './divide-again.ts';
import { spread } from '../lists.ts';
import type { LeftList, Numbering } from './example.ts';
import type { Part } from './parts.ts';
import { lintPreferences, type LintedRow, type PreferenceLint } from './preference-lint.ts';
import { lintMarked, marksOf, type PreferenceMarks } from './preference-marks.ts';
import { firstPrompt } from './questions.ts';
import { labelsOf, type LabelCount } from './row-columns.ts';
import { totalsOf } from './row-totals.ts';
import { hashesOf, type Hashes } from './row-hashes.ts';
import {
  hasRow,
  shapeOfRow,
  taskOf,
  type Entry,
  type OpenFile,
  type RowSet,
  type RowState,
} from './row-set.ts';
import { histogramOfCounts, type Histogram } from './statistics.ts';
import type { UnusedColumn } from './unused.ts';

/** A row of any file. */
export interface RowPlace {
  /** In the list of rows. */
  readonly at: number;
  /** Place of its file in {@link DataSummary.files}. */
  readonly file: number;
  readonly line: number;
}

/** Fates whose rows are counted and named. */
type Grouped = Exclude<RowState, 'ok' | 'bad'>;

/** Rows with the same fate: how many, and the first of them. */
export interface RowGroup {
  readonly count: number;
  readonly rows: readonly RowPlace[];
  /** Tokens of the longest of them, before the limit. */
  readonly longest: number;
}

/** The result of one file. */
export interface FileSummary {
  readonly name: string;
  /** SHA-256 of its bytes, in hex: the version of a data set of this file alone. */
  readonly version: string;
  /** Rows of it that are used. */
  readonly rows: number;
  readonly unused: readonly UnusedColumn[];
  /** Whether no line of a text file is one that should end a document. */
  readonly unbordered?: true;
}

/** A task of a mixture. */
interface TaskSummary {
  readonly name: string;
  /** Place of its file in {@link DataSummary.files}. */
  readonly file: number;
  /** How often its rows are drawn, of 1. */
  readonly share: number;
  readonly rows: Readonly<Record<Part, number>>;
}

export interface DataSummary {
  /** The rows, the test rows, more rows; undefined if there is no file of test rows before more. */
  readonly files: readonly (FileSummary | undefined)[];
  readonly format: string;
  /** What the numbers of rows count, here and in the list: lines, or rows if these share a line. */
  readonly numbering: Numbering;
  /** Lists of a JSON file that were not read. */
  readonly left: readonly LeftList[];
  readonly rows: { readonly train: number; readonly validation: number; readonly test: number };
  /** Rows that are pairs of answers, among those that are used. */
  readonly pairs: number;
  /** Rows that are prompts without an answer. */
  readonly prompts: number;
  /** Rows that are single answers with a label, counted by the label. */
  readonly unpaired: { readonly desirable: number; readonly undesirable: number };
  /** Findings in pairs and judged answers that are trained on. */
  readonly preferences?: PreferenceLint<RowPlace>;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Tokens of the longest row that is used, of a pair its longer sequence, after the limit; `lengths.longest` is of all rows before it. */
  readonly longest: number;
  /** The first hundred, by line. */
  readonly problems: readonly { readonly file: number; readonly line: number; readonly reason: string }[];
  readonly problemCount: number;
  readonly cut: RowGroup;
  readonly dropped: RowGroup;
  readonly unsupervised: RowGroup;
  /** Left out by a person. */
  readonly skipped: RowGroup;
  /** Left out because another row is equal. */
  readonly copies: RowGroup;
  /** Left out because their task has enough others to train on. */
  readonly capped: RowGroup;
  /** The tasks of a mixture, with their rows; empty without one. */
  readonly tasks: readonly TaskSummary[];
  readonly notes: readonly { readonly note: string; readonly lines: readonly number[] }[];
  /** All rows of the list: those that are used, those left out, and the bad ones that are listed. */
  readonly listed: number;
  /** The sample prompt of a run: that of the first held-out row, or else of a training row. Missing if no row has a prompt. */
  readonly prompt?: string;
  /** Tokens of rows before the limit. */
  readonly lengths: Histogram;
  /** Rows that equal an earlier one. */
  readonly repeated: number;
  /** Held-out rows that are trained on too: the first hundred, with a row that trains on them. */
  readonly leaks: readonly { readonly row: RowPlace; readonly part: Part; readonly of: RowPlace }[];
  readonly leakCount: number;
  /** The answers with the number of their rows, the most frequent first, if they are labels. */
  readonly labels?: readonly LabelCount[];
  /** Names of the columns that the list can be sorted by (`row-columns.ts`). */
  readonly columns: readonly string[];
}

/** The entries that each list shows; the rest are counted. */
const SHOWN = 100;

/** The rows before a change of some, and which changed: what the others are counted as stays. */
export interface ChangedFrom {
  readonly entries: readonly Entry[];
  readonly changed: ChangedList;
}

/** @param from left out to count all rows: the result is the same */
export function summarise(
  data: RowSet,
  files: readonly (OpenFile | undefined)[],
  from?: ChangedFrom,
): DataSummary {
  const { entries, places, repeated, leaked } = data;
  const main = files[0] as OpenFile;
  const there = files.filter((file) => file !== undefined);
  const totals = totalsOf(entries, from?.entries, from?.changed);
  const groups = groupsOf(entries, from);
  const prompt = firstPrompt(places);
  const { desirable, undesirable } = totals;
  const trained =
    totals.pairs + desirable + undesirable === 0
      ? []
      : entries.flatMap((entry, at) => (entry.part === 'train' && hasRow(entry) ? [at] : []));
  const lint = lintOf(entries, trained);
  const labels = labelsOf(entries);
  const placeOf = (at: number): RowPlace => ({ at, file: entries[at].file, line: entries[at].line });
  return {
    files: files.map((file, at) => file && fileOf(file, totals.ofFiles.get(at) ?? 0)),
    format: main.format,
    numbering: main.numbering,
    left: there.flatMap(({ left }) => left),
    rows: totals.rows,
    tokens: totals.tokens,
    supervisedTokens: totals.supervised,
    longest: Math.max(0, ...totals.longest.keys()),
    pairs: totals.pairs,
    prompts: totals.prompts,
    unpaired: { desirable, undesirable },
    ...(lint && {
      preferences: {
        ...lint,
        alike: lint.alike.map((place) => placeOf(trained[place])),
        flipped: lint.flipped.map((place) => placeOf(trained[place])),
      },
    }),
    problems: files
      .flatMap((file, at) => (file?.problems ?? []).map((problem) => ({ file: at, ...problem })))
      .slice(0, SHOWN),
    problemCount: there.reduce((sum, { problemCount }) => sum + problemCount, 0),
    cut: groups.cut,
    dropped: groups.dropped,
    unsupervised: groups.unsupervised,
    skipped: groups.skipped,
    copies: groups.copy,
    capped: groups.capped,
    tasks: taskSummaries(data),
    notes: files.flatMap((file) =>
      (file?.report.notes ?? []).map(({ note, lines }) => ({
        note: file === main ? note : `${file?.name}: ${note}`,
        lines,
      })),
    ),
    listed: entries.length,
    ...(prompt !== undefined && { prompt }),
    lengths: histogramOfCounts(totals.lengths),
    repeated: repeated.size,
    leaks: [...leaked].slice(0, SHOWN).map(([at, of]) => ({
      row: placeOf(at),
      part: entries[at].part ?? 'test',
      of: placeOf(of),
    })),
    leakCount: leaked.size,
    ...(labels && { labels }),
    columns: totals.columns,
  };
}

/** Rows of pairs whose tokens are counted, if some are of a large file. */
const COUNTED_ROWS = 128;

const NO_MARKS: PreferenceMarks = { mark: 'none' };
const NO_HASHES: Hashes = [0, 0];

/** Findings in the rows that are trained on: by marks, if some are of a large file. @param trained places of these rows */
function lintOf(entries: readonly Entry[], trained: readonly number[]): PreferenceLint | undefined {
  const linted = (at: number): LintedRow => ({ row: entries[at].row!, example: entries[at].example });
  const isLarge = trained.some((at) => entries[at].large);
  if (!isLarge) return lintPreferences(trained.map(linted));
  const rows = {
    length: trained.length,
    isTrained: () => true,
    marksOf: (place: number) => marksOfEntry(entries[trained[place]]),
    hashesOf(place: number) {
      const entry = entries[trained[place]];
      return entry.large?.hashes ?? (entry.example ? hashesOf(entry.example) : NO_HASHES);
    },
  };
  return lintMarked(rows, () => spread(trained, COUNTED_ROWS).map(linted));
}

function marksOfEntry(entry: Entry): PreferenceMarks {
  // Next to judged answers, others count as desirable.
  if (shapeOfRow(entry)?.desirable) return { mark: 'desirable' };
  return entry.large?.preference ?? (entry.example ? marksOf(entry.example) : NO_MARKS);
}

function taskSummaries({ places, options }: RowSet): TaskSummary[] {
  return (options?.mixture?.tasks ?? []).map(({ name, file }) => {
    const own = places.filter((place) => taskOf(place)?.name === name);
    const count = (part: Part): number => own.filter((place) => place.part === part).length;
    return {
      name,
      file,
      share: (own.length > 0 && taskOf(own[0])?.share) || 0,
      rows: { train: count('train'), validation: count('validation'), test: count('test') },
    };
  });
}

function fileOf({ name, version, unused, unbordered }: OpenFile, rows: number): FileSummary {
  return { name, version, rows, unused, ...(unbordered && { unbordered }) };
}

/** The rows of some fates, in one pass: it follows every change of a row. */
function groupsOf(entries: readonly Entry[], from?: ChangedFrom): Groups {
  const known = from && knownGroups.get(from.entries);
  if (known && areOfNone(from.changed)) {
    knownGroups.set(entries, known);
    return known;
  }
  const group = (): { count: number; rows: RowPlace[]; longest: number } => ({
    ...{ count: 0, rows: [], longest: 0 },
  });
  const groups = {
    ...{ cut: group(), dropped: group(), unsupervised: group() },
    ...{ skipped: group(), copy: group(), capped: group() },
  };
  entries.forEach(({ state, length, file, line }, at) => {
    if (state === 'ok' || state === 'bad') return;
    const own = groups[state];
    own.count++;
    own.longest = Math.max(own.longest, length);
    if (own.rows.length < SHOWN) own.rows.push({ at, file, line });
  });
  knownGroups.set(entries, groups);
  return groups;
}

type Groups = Readonly<Record<Grouped, RowGroup>>;
/** Groups of lists of rows. */
const knownGroups = new WeakMap<readonly Entry[], Groups>();

/** Whether changed rows leave all groups as they are: as many stand in the list, none of them in a group. */
function areOfNone({ gone, come }: ChangedList): boolean {
  const isOfNone = ({ state }: Entry): boolean => state === 'ok' || state === 'bad';
  return gone.length === come.length && gone.every(isOfNone) && come.every(isOfNone);
}
