/**
 * Changes of rows by hand, on top of their files: a file stays as it was imported, and a version of the rows is the changes up to it. A changed row
 * has the file and the line of its original, so that the split, the rows that are left out and the findings know it.
 */
import { GraftError } from '../errors.ts';
import type { ExampleContent } from '../text/trainable.ts';
import type { Example } from './example.ts';
import { makeEntries } from './make-entries.ts';
import type { DataOptions } from './options.ts';
import type { Part } from './parts.ts';
import { RowMaker, type PrepareOptions } from './prepare.ts';
import { entryWith, hasExample, hasRow, type Entry, type MadeFile } from './row-set.ts';

/** What became of a row of a file, or a row that was added. */
export interface ChangedRow {
  /** Place of its file (`data/parts.ts`). */
  readonly file: number;
  /** Of an added row a number that no row of the file has. */
  readonly line: number;
  /** Missing for a row that reads as in its file. */
  readonly content?: ExampleContent;
  /** The columns of an added row. */
  readonly columns?: Readonly<Record<string, unknown>>;
  /** The part that a person chose for it. Missing for a row that the split divides. */
  readonly part?: Part;
  readonly deleted?: true;
  /** The line of the row that an added row stands after; 0 is the top of the file. */
  readonly after?: number;
}

/** Changed rows by their places (`placeKey`). */
export type RowChanges = ReadonlyMap<string, ChangedRow>;

/** How many rows a step changed. */
export interface RowsDiff {
  readonly edited: number;
  readonly added: number;
  readonly deleted: number;
  /** Rows that got another part. */
  readonly moved: number;
}

/** One step of the history of a data set: rows that changed, or how rows are read. */
export interface DataStep {
  /** The version that it made. The rows as they were imported are version 1. */
  readonly number: number;
  /** The version that it changed. */
  readonly parent: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** In words, as a sentence. */
  readonly done: string;
  readonly diff?: RowsDiff;
  readonly rows?: readonly ChangedRow[];
  /** What of the options it changed, before and after. */
  readonly options?: { readonly before: RowChoices; readonly after: RowChoices };
}

/** Some of the options; null is one that is not set. */
export type RowChoices = { readonly [Key in keyof DataOptions]?: DataOptions[Key] | null };

/** The version of rows that nobody changed. */
export const FIRST_VERSION = 1;

/** Names the place of an entry: its file, by number, and its line. */
export const placeKey = ({ file, line }: Pick<Entry, 'file' | 'line'>): string => `${file}:${line}`;

/** The steps that lead to a version, the oldest first. @throws GraftError `data-version` if one of them is missing */
export function stepsTo(steps: ReadonlyMap<number, DataStep>, version: number): DataStep[] {
  const path: DataStep[] = [];
  for (let number = version; number !== FIRST_VERSION; number = path[0].parent) {
    const step = steps.get(number);
    if (!step || path.length > steps.size)
      throw new GraftError(
        'data-version',
        `Version ${version} of these rows is not kept any more.`,
        'Open the file of the rows again.',
      );
    path.unshift(step);
  }
  return path;
}

/** The changes after some more steps: of a row the latest one counts. */
export function changesAfter(before: RowChanges, steps: readonly Pick<DataStep, 'rows'>[]): RowChanges {
  const changes = new Map(before);
  for (const { rows = [] } of steps) for (const row of rows) changes.set(placeKey(row), row);
  return changes;
}

const isAdded = ({ after }: ChangedRow): boolean => after !== undefined;

/** What some changes do to rows. @param before the changes until then */
export function diffOf(rows: readonly ChangedRow[], before: RowChanges): RowsDiff {
  const diff = { edited: 0, added: 0, deleted: 0, moved: 0 };
  for (const row of rows) {
    const known = before.get(placeKey(row));
    if (row.deleted) diff.deleted++;
    else if (isAdded(row) && (known === undefined || known.deleted)) diff.added++;
    else if (known?.content === row.content && known?.part !== row.part) diff.moved++;
    else diff.edited++;
  }
  return diff;
}

type Making = Pick<PrepareOptions, 'maxLength' | 'overlong' | 'vocabSize'>;
/** Entries of changed rows, with what they were made by: a step of the history makes its own rows only. */
const made = new WeakMap<
  ChangedRow,
  { readonly tokenizer: RowMaker['tokenizer']; readonly by: string; readonly entry: Entry }
>();

/** Changed rows as they stand in the list, with what they were made of: a row that did not change since is the same object. */
const standing = new WeakMap<
  ChangedRow,
  { readonly of: Entry | undefined; readonly now: Entry; readonly entry: Entry }
>();

/** @param of the row of the file @param now what became of it */
function standingAs(
  row: ChangedRow,
  of: Entry | undefined,
  now: Entry,
  marks: Pick<Entry, 'change' | 'held' | 'drawn' | 'deleted'>,
): Entry {
  const known = standing.get(row);
  if (known?.of === of && known?.now === now) return known.entry;
  const entry = entryWith(now, marks);
  standing.set(row, { of, now, entry });
  return entry;
}

/**
 * The rows of a file with its changes. Deleted ones are still among them, for the split; `divideEntries` leaves them out.
 *
 * @param entries of the file, with its place
 * @throws GraftError `chat-template-…`
 */
export function changedEntries(
  entries: readonly Entry[],
  changes: RowChanges,
  tokenizer: RowMaker['tokenizer'],
  making: Making,
): readonly Entry[] {
  if (entries.length === 0) return [];
  const { file } = entries[0];
  const own = [...changes.values()].filter((row) => row.file === file);
  if (own.length === 0) return entries;
  const changed = new Map(own.map((row) => [row.line, row]));
  const by = JSON.stringify(making);
  const rowOf = (row: ChangedRow, example: ExampleContent, columns: Example['columns']): Entry => {
    const known = made.get(row);
    if (known?.by === by && known.tokenizer === tokenizer) return known.entry;
    const maker = new RowMaker(tokenizer, making);
    const { line } = row;
    const [entry] = makeEntries(maker, { ...example, line, ...(columns && { columns }) });
    const whole = { ...entry, file };
    made.set(row, { tokenizer, by, entry: whole });
    return whole;
  };
  const added = new Map<number, ChangedRow[]>();
  for (const row of own)
    if (row.after !== undefined) added.set(row.after, [row, ...(added.get(row.after) ?? [])]);
  const result: Entry[] = [];
  const addAfter = (line: number): void => {
    for (const row of added.get(line) ?? []) {
      if (!row.deleted && row.content)
        result.push(
          standingAs(row, undefined, rowOf(row, row.content, row.columns), {
            ...{ change: 'added', held: row.part ?? 'train' },
          }),
        );
      addAfter(row.line);
    }
  };
  addAfter(0);
  for (const entry of entries) {
    const row = changed.get(entry.line);
    if (!row) result.push(entry);
    else if (row.deleted) result.push(standingAs(row, entry, entry, { deleted: true }));
    else {
      const { content: text, part } = row;
      const now = text ? rowOf(row, text, entry.example?.columns) : entry;
      result.push(
        standingAs(row, entry, now, {
          change: text ? 'edited' : 'moved',
          ...(hasRow(entry) && hasExample(entry) && { drawn: entry.example }),
          // A row that the split did not know goes to training, so that no other row moves.
          ...((part ?? (hasRow(entry) ? undefined : 'train')) && { held: part ?? 'train' }),
        }),
      );
    }
    addAfter(entry.line);
  }
  return result;
}

/** A number for a row that is added to a file: none of its rows has it, also none that was added before. */
export function nextLine({ entries, problems }: MadeFile, steps: Iterable<DataStep>, file: number): number {
  let last = 0;
  for (const { line } of [...entries, ...problems]) last = Math.max(last, line);
  for (const { rows = [] } of steps)
    for (const row of rows) if (row.file === file) last = Math.max(last, row.line);
  return last + 1;
}
