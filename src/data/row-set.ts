/** The open rows: those of the next run, the held-out ones, and every row as a person may look at it. */
import { GraftError } from '../errors.ts';
import type { List, PlacesOfTask } from '../lists.ts';
import { applyLimit } from '../text/limit.ts';
import { renderExample } from '../text/loss-mask.ts';
import { previewRow, type Preview, type PreviewToken } from '../text/preview.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { longestSequence, supervisedCount, type Task } from '../text/trainable.ts';
import type { Example, LeftList, Numbering, Problem, RowFault } from './example.ts';
import type { LargeEntry, RowShape } from './large-rows.ts';
import type { DataOptions, DataRef } from './options.ts';
import type { Part, Repeats } from './parts.ts';
import type { PreparedRow, PrepareReport } from './prepare.ts';
import type { RowChanges } from './row-changes.ts';
import type { Question } from './questions.ts';
import type { LineRange } from './text-lines.ts';
import type { UnusedColumn } from './unused.ts';

/**
 * The fate of a row; only `ok` and `cut` are used. `skipped`: a person left it out. `copy`: it equals another row. `capped`: its task has enough
 * others.
 */
export type RowState = 'ok' | 'cut' | 'dropped' | 'unsupervised' | 'skipped' | 'copy' | 'capped' | 'bad';

export interface RowToken extends PreviewToken {
  readonly special: boolean;
}

export interface PreviewRow extends Preview<RowToken> {
  /** Place of its file in `DataSummary.files`. */
  readonly file: number;
  readonly line: number;
  /** The lines that a part of a text comes from. */
  readonly lines?: LineRange;
  /** Whether it is one example: parts of a document cannot be left out alone. */
  readonly single: boolean;
  readonly state: RowState;
  /** What a person changed. */
  readonly change?: Entry['change'];
  readonly part?: Part;
  /** The name of its task, in a mixture. */
  readonly task?: string;
  /** Where the rejected answer's sequence starts, of a pair. */
  readonly starts?: readonly number[];
  /** The tokens that the next run adds, if the row is shown with them. */
  readonly added?: readonly string[];
  /** How many rows the list has with them. */
  readonly of?: number;
}

/** A row of the list, used or not. */
export interface Entry {
  /** Place of its file (`data/parts.ts`). */
  readonly file: number;
  readonly line: number;
  /** The lines that a part of a text comes from; `line` is where its document starts. Missing for an example, and after a reload. */
  readonly lines?: LineRange;
  readonly state: RowState;
  /** The token row for training or measuring, also of a row that is left out; missing for a row that cannot be made. */
  readonly row?: PreparedRow;
  /** Missing for a row that is not used. */
  readonly part?: Part;
  /** What the row was made from; missing if a row is not one example (a document), or after a reload. */
  readonly example?: Example;
  /** Equal for examples that teach the same (`hashesOf`), made with the row: rows are compared at every change. */
  readonly identity?: string;
  /** Tokens before the limit. */
  readonly length: number;
  readonly supervised: number;
  /** Why it is bad. */
  readonly reason?: string;
  /** The kind of its mistake, if it is a known one. */
  readonly fault?: RowFault;
  /** What a person changed: its content, or only its part; or the person added it. */
  readonly change?: 'edited' | 'moved' | 'added';
  /** The part that a person chose. */
  readonly held?: Part;
  /** What the row of the file was made from, if it could be used: the split has counted it as that. */
  readonly drawn?: Example;
  /** Deleted by a person: it is divided with the others and not listed. */
  readonly deleted?: true;
  /** Of a row of a large file the same row: its fields are read as they are asked for, which costs time for `example` and `row`. */
  readonly large?: LargeEntry;
}

/** An entry that is used. */
export type UsedEntry = Entry & { readonly row: PreparedRow; readonly part: Part };

/** A file's rows in its order, not yet divided. */
export interface MadeFile {
  readonly name: string;
  readonly format: string;
  readonly entries: readonly Entry[];
  readonly report: PrepareReport;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly numbering: Numbering;
  readonly left: readonly LeftList[];
  readonly unused: readonly UnusedColumn[];
  /** The same as in `ReadResult`. */
  readonly unbordered?: true;
  /** The documents of a text file: with new tokens they become other rows. */
  readonly documents?: readonly Example[];
}

/** A file's rows in its order, named by what they depend on. */
export interface OpenFile extends MadeFile {
  /** Names its bytes and everything that its rows depend on: equal for equal rows. */
  readonly key: string;
  /** SHA-256 of its bytes, in hex. */
  readonly version: string;
}

/** The name of a file, and its path for the headless command if that is another. */
export interface FilePlace {
  readonly name: string;
  readonly path?: string;
}

/** The open rows. */
export interface RowSet extends Repeats, FilePlace {
  /** Files of test rows and of more rows. */
  readonly heldOut?: FilePlace;
  readonly more?: readonly FilePlace[];
  /** Identifies the rows; missing for a run's own rows from before data sets were stored. */
  readonly ref?: DataRef;
  /** As it was split: no fraction is tested if the test part is a file of its own. */
  readonly options?: DataOptions;
  /** What a person changed in the rows of the files. */
  readonly changes?: RowChanges;
  /** The tokenizer that made the rows. */
  readonly modelContent: string;
  /** The files that it was made from; missing after a reload. */
  readonly files?: readonly (OpenFile | undefined)[];
  /** In the order of their files: the rows, more rows, test rows of their own. */
  readonly entries: readonly Entry[];
  /** The entries that are used. */
  readonly places: readonly UsedEntry[];
  /** Those of rows of a large file are made as they are asked for. */
  readonly questions: List<Question>;
}

/** Whether an example is a whole document, which is split into rows. */
export const isTextDocument = (example: Example): boolean =>
  example.kind === 'text' && example.document === true;

/** Whether a token row was made of an entry, without making it again. */
export const hasRow = (entry: Entry): boolean => entry.large?.isMade ?? entry.row !== undefined;

/** Whether an entry is one example, without reading it again. */
export const hasExample = (entry: Entry): boolean => entry.large !== undefined || entry.example !== undefined;

/** The task of an entry's row, in a mixture. */
export const taskOf = (entry: Entry): Task | undefined => (entry.large ? entry.large.task : entry.row?.task);

/** What of an entry's row does not depend on its words, without making it again; undefined without a row. */
export function shapeOfRow(entry: Entry): RowShape | undefined {
  if (entry.large) return entry.large.shape;
  const { row } = entry;
  if (!row) return undefined;
  const { starts, desirable, asks, texts } = row;
  return { tokens: row.ids.length, longest: longestSequence(row), starts, desirable, asks, texts };
}

/** What of an entry can be changed without making its row again. */
type Changes = Partial<Pick<Entry, 'file' | 'state' | 'part' | 'change' | 'held' | 'drawn' | 'deleted'>>;

/** The same entry with other fields. */
export const entryWith = (entry: Entry, changes: Changes): Entry =>
  entry.large ? entry.large.with(changes) : { ...entry, ...changes };

/** Whether an entry has a row and a part of the split. */
export const isUsedEntry = (entry: Entry): entry is UsedEntry => entry.part !== undefined && hasRow(entry);

/** The rows for a run on one task of a mixture: the test part stays whole. @param task all of them if left out */
export function onlyTask<Rows extends RowSet>(data: Rows, task: string | undefined): Rows {
  if (task === undefined) return data;
  const isOwn = (entry: Entry): boolean => entry.part === 'test' || taskOf(entry)?.name === task;
  return { ...data, entries: data.entries.filter(isOwn), places: data.places.filter(isOwn) };
}

/** The entries of a part of the split, in the order of their files. */
export const placesOf = ({ places }: Pick<RowSet, 'places'>, part: Part): readonly UsedEntry[] =>
  places.filter((place) => place.part === part);

/** The rows of a part of the split, in the order of their files; those of a large file are made as they are asked for. */
export const rowsOf = (data: Pick<RowSet, 'places'>, part: Part): List<PreparedRow> =>
  rowsOfPlaces(placesOf(data, part));

/** The rows of entries, each made as it is asked for if one is of a large file. @param make adds to a row what its objective needs */
export function rowsOfPlaces<Row = PreparedRow>(
  places: readonly UsedEntry[],
  make: (place: UsedEntry) => Row = ({ row }) => row as Row,
): List<Row> {
  if (!places.some(({ large }) => large)) return places.map(make);
  const tasks = tasksOfPlaces(places);
  return {
    length: places.length,
    ...(tasks.length > 0 && { tasks }),
    at: (index) => (index in places ? make(places[index]) : undefined),
  };
}

/** The examples of entries that have one, each read as it is asked for if one is of a large file. */
export function examplesOf(entries: readonly Entry[]): List<Example> {
  if (!entries.some(({ large }) => large)) return entries.flatMap(({ example }) => example ?? []);
  return { length: entries.length, at: (index) => entries.at(index)?.example };
}

/** The tasks of a mixture, in the order of each task's first row. */
function tasksOfPlaces(places: readonly UsedEntry[]): PlacesOfTask[] {
  const tasks = new Map<string, { name: string; share: number; places: number[] }>();
  places.forEach((place, at) => {
    const task = taskOf(place);
    if (!task) return;
    const known = tasks.get(task.name);
    if (known) known.places.push(at);
    else tasks.set(task.name, { ...task, places: [at] });
  });
  return [...tasks.values()];
}

/** A row with every token's text, whether the token is supervised, and where the limit cuts the row. @throws GraftError `data-row` */
export function preview({ entries, options, files }: RowSet, at: number, tokenizer: Tokenizer): PreviewRow {
  const entry = entries[at] as Entry | undefined;
  if (!entry) {
    throw new GraftError(
      'data-row',
      `There is no row ${at}: the data has ${entries.length}.`,
      'Choose a row that is there.',
    );
  }
  const { row, part, example, file, line, lines, state, reason, change } = entry;
  const rendered =
    example && !isTextDocument(example) && state !== 'bad' ? renderExample(example, tokenizer) : undefined;
  const full = rendered ?? row;
  if (!full)
    throw new GraftError(
      'data-row',
      `${files?.[file]?.numbering === 'row' ? 'Row' : 'Line'} ${line} was not read: ${reason ?? 'it has no tokens'}.`,
      'Repair it in the file, and open that again.',
    );
  const limited =
    rendered && options
      ? applyLimit(rendered, options.maxLength, options.overlong, tokenizer.bosId)
      : { row: full, cut: false, supervised: supervisedCount(full), removed: [] };
  const shown = previewRow(full, limited, tokenizer);
  const tokens = shown.tokens.map((token) => ({ ...token, special: tokenizer.isSpecial(token.id) }));
  return {
    file,
    line,
    ...(lines && { lines }),
    single: example !== undefined && !isTextDocument(example),
    state,
    ...(change && { change }),
    part,
    ...shown,
    tokens,
    ...(row?.task && { task: row.task.name }),
    ...(full.starts && { starts: full.starts }),
  };
}
