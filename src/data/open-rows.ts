/**
 * The way from files to rows, for page and command alike, in three stages: a file is read, its examples become rows, and the rows of all files are
 * divided. In slices, since a file may have a million rows.
 */
import type { GraftError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { CertainRows } from './certain-rows.ts';
import type { ReadResult, SourceRow } from './collector.ts';
import { divideAgain, type ChangedList, type DividedFrom } from './divide-again.ts';
import { divideEntries, fileOrder, rowIdentity } from './divide.ts';
import { documentEntry } from './document-entry.ts';
import type { Example } from './example.ts';
import { ExampleReader, type ReadOptions } from './formats.ts';
import { LargeEntry, LargeRows } from './large-rows.ts';
import type { Bytes } from './lines.ts';
import { makeEntries, NOTHING } from './make-entries.ts';
import type { DataOptions } from './options.ts';
import { findRepeats, ROWS_FILE, type Repeats } from './parts.ts';
import { RowMaker, type PrepareOptions } from './prepare.ts';
import { RowIndex } from './row-index.ts';
import { hasSections, readSections, type SectionRows, type ShareSections } from './sections.ts';
import {
  entryWith,
  isTextDocument,
  isUsedEntry,
  type Entry,
  type MadeFile,
  type UsedEntry,
} from './row-set.ts';

type Doing = 'reading' | 'preparing' | 'comparing';

/** Long work in slices. Between them other work runs, and may stop it. */
export interface Slicer {
  /** Whether it is time to pause: asked after every row, so it must cost nothing. */
  readonly due: boolean;
  /** @throws what ends the work */
  pause(progress: {
    readonly what: Doing;
    readonly done: number;
    readonly total: number;
    /** Rows that are done, if it is not asked after each of them. */
    readonly rows?: number;
  }): Promise<void>;
  each<Item>(what: Doing, items: readonly Item[], work: (item: Item, index: number) => void): Promise<void>;
}

/** The examples of a file, or an index of a file that is too large to hold them. */
export interface ReadRows extends ReadResult {
  readonly index?: RowIndex;
  /** The rows of that index, if they were made as they were read. */
  readonly made?: MadeIndex;
  /** Why its columns have to be chosen first. */
  readonly unmapped?: GraftError;
}

/** The rows of a file with an index, made one after another. */
interface MadeIndex {
  readonly rows: LargeRows;
  readonly maker: RowMaker;
}

/** Rows that were written somewhere else, since no part of their file is a row. */
interface Spilled {
  /** The bytes of all rows that were added. */
  readonly bytes: Bytes;
  /** @returns its first byte, and how many it has */
  add(text: string): { readonly start: number; readonly length: number };
}

/** The most rows and bytes of a file whose examples are held. */
export interface HeldRows {
  readonly rows: number;
  readonly bytes: number;
  /** A place for the rows of a file of which no part is a row; without one they are held. */
  readonly spill?: () => Spilled;
  /** Says which rows of a larger file can certainly be trained on. */
  readonly certain?: CertainRows;
  /** Starts a thread that reads a part of a larger file; without one it is read in one pass. */
  readonly share?: ShareSections;
}

/** How the rows of a file are made as they are read, if it gets an index. */
export interface RowMaking {
  readonly tokenizer: Tokenizer;
  readonly options: PrepareOptions;
}

/**
 * @param held the most that is held of a file, of which a larger one gets an index; everything if left out
 * @param making makes the rows of a file with an index as they are read; left out if they are made when they are taken
 * @throws GraftError as `readExamples`, `file-write` if rows cannot be written, and with `making` as `makeFile`
 */
export async function readFile(
  bytes: Bytes,
  options: ReadOptions,
  slicer: Slicer,
  held?: HeldRows,
  making?: RowMaking,
): Promise<ReadRows> {
  const { kind } = new ExampleReader(bytes, options);
  const spilled = kind === 'parquet' ? held?.spill?.() : undefined;
  const isIndexed = kind === 'parquet' ? spilled !== undefined : kind !== 'text';
  if (!held || !isIndexed) return readAll(new ExampleReader(bytes, options), bytes.length, slicer);
  // To hold the first rows of a large file costs more than their memory: the engine then takes all later ones for rows that stay.
  let examples: Example[] | undefined = bytes.length <= held.bytes ? [] : undefined;
  const reader = new ExampleReader(bytes, {
    ...options,
    onExample(example, source) {
      if (!source) return;
      // Among rows with answers a prompt without one is a mistake.
      const index = example.kind === 'prompt' ? prompts : answered;
      index.add(example, spilled ? spill(source, spilled) : source);
      if (!examples) {
        make(example);
        return;
      }
      examples.push(example);
      if (examples.length <= held.rows) return;
      examples.forEach(make);
      examples = undefined;
    },
  });
  const made = new Map<RowIndex, MadeIndex>();
  const make = (example: Example): void => {
    if (!making) return;
    const { tokenizer, options: how } = making;
    const index = example.kind === 'prompt' ? prompts : answered;
    const known = made.get(index) ?? {
      rows: new LargeRows(index, tokenizer, how),
      maker: new RowMaker(tokenizer, how),
    };
    made.set(index, known);
    known.rows.addMade(example, known.maker);
  };
  const content = spilled?.bytes ?? reader.content;
  const [answered, prompts] = [
    new RowIndex(content, reader, options, held.certain),
    new RowIndex(content, reader, options, held.certain),
  ];
  const isWhole = examples !== undefined || making !== undefined;
  const sections = isWhole ? undefined : await sharedSections(reader, options, held, slicer);
  let lines = 0;
  answered.reserve(sections?.map((section) => section.answered) ?? []);
  prompts.reserve(sections?.map((section) => section.prompts) ?? []);
  for (const section of sections ?? []) {
    reader.append(section.collected, lines);
    answered.append(section.answered, lines);
    prompts.append(section.prompts, lines);
    lines += section.lines;
  }
  const result = sections ? resultOf(reader) : await readAll(reader, bytes.length, slicer);
  const index = answered.length > 0 ? answered : prompts;
  // Whoever has nothing reads why.
  if (index.length === 0 || result.unmapped)
    return readAll(new ExampleReader(bytes, options), bytes.length, slicer);
  const isOwn = ({ kind }: Example): boolean => (kind === 'prompt') === (index === prompts);
  return examples
    ? { ...result, examples: examples.filter(isOwn) }
    : { ...result, index, made: made.get(index) };
}

/** What the sections of a file have, if another thread helps to read it. @throws GraftError as {@link readFile} */
async function sharedSections(
  reader: ExampleReader,
  options: ReadOptions,
  { certain, share }: HeldRows,
  slicer: Slicer,
): Promise<readonly SectionRows[] | undefined> {
  const { content } = reader;
  if (!share || !hasSections(reader, content, options)) return undefined;
  reader.checkColumns();
  const source = { content, options, certain };
  const sharer = share(source);
  return sharer && readSections(source, sharer, slicer);
}

function spill({ read }: SourceRow, spilled: Spilled): SourceRow {
  if (!read) throw new Error('The row has no fields');
  const text = JSON.stringify(read());
  return { text, ...spilled.add(text) };
}

async function readAll(reader: ExampleReader, total: number, slicer: Slicer): Promise<ReadRows> {
  for (const share of reader.read())
    if (slicer.due) await slicer.pause({ what: 'reading', done: Math.round(share * total), total });
  return resultOf(reader);
}

function resultOf(reader: ExampleReader): ReadRows {
  const { unmapped } = reader;
  return { ...reader.result(), ...(unmapped && { unmapped }) };
}

/** The examples of a file, all of them. */
const examplesOfFile = ({ examples, index }: ReadRows): readonly Example[] =>
  index ? Array.from({ length: index.length }, (_, row) => index.exampleOf(row)) : examples;

/**
 * @param tokenizer may be missing if all examples are ready token rows
 * @throws GraftError `prepare-length`, `chat-template-…`, `tokenizer-missing`
 */
export async function makeFile(
  name: string,
  read: ReadRows,
  tokenizer: Tokenizer | undefined,
  options: PrepareOptions,
  slicer: Slicer,
): Promise<MadeFile> {
  const { made, problems, problemCount, numbering, left, unused, format, unbordered } = read;
  const examples = made ? [] : examplesOfFile(read);
  const maker = made?.maker ?? new RowMaker(tokenizer, options);
  const entries: Entry[] = [];
  if (made)
    for (let row = 0; row < made.rows.index.length; row++)
      entries.push(new LargeEntry(made.rows, row, ROWS_FILE));
  else
    await slicer.each('preparing', examples, (example) => {
      for (const entry of makeEntries(maker, example)) entries.push(entry);
    });
  const before = maker.rows.length;
  maker.finish();
  entries.push(...maker.rows.slice(before).map((row) => documentEntry(maker, row)));
  const { report } = maker.result();
  const documents = examples.filter(isTextDocument);
  const bad = problems.map(({ line, reason, fault }): Entry => ({
    ...NOTHING,
    line,
    reason,
    ...(fault !== undefined && { fault }),
  }));
  return {
    name,
    format,
    // Both are in the file's order; a stable sort keeps the rows of a document in theirs.
    entries: bad.length > 0 ? [...entries, ...bad].sort((a, b) => a.line - b.line) : entries,
    report,
    problems: [...problems, ...report.failed].sort((a, b) => a.line - b.line),
    problemCount: problemCount + report.failed.length,
    numbering,
    left,
    unused,
    ...(unbordered && { unbordered }),
    ...(documents.length > 0 && { documents }),
  };
}

export interface DividedRows extends Repeats {
  /** In the order of their files: the rows, more rows, test rows of their own. */
  readonly entries: readonly Entry[];
  /** The entries that are used. */
  readonly places: readonly UsedEntry[];
  /** The rows of an earlier list that this one has other rows for, if the rest is the same. */
  readonly changed?: ChangedList;
}

/**
 * @param files in their places (`data/parts.ts`)
 * @param change applies what a person changed in the rows of a file
 * @param before the rows of these files as they were divided before, if they were: what did not change is not made again
 * @throws GraftError `split`, `data-rows`
 */
export async function divideFiles(
  files: readonly (Pick<MadeFile, 'entries'> | undefined)[],
  options: DataOptions,
  slicer: Slicer,
  change: (entries: readonly Entry[]) => readonly Entry[] = (entries) => entries,
  before?: DividedRows,
): Promise<DividedRows> {
  const lists = fileOrder(files).map((at) => change(placedRows(files.at(at)?.entries ?? [], at)));
  const read = ([] as readonly Entry[]).concat(...lists);
  const from = before && sources.get(before.entries);
  const again = from && divideAgain(before, from, read, options);
  if (again) {
    sources.set(again.rows.entries, again.from);
    return again.rows;
  }
  const identities: (string | undefined)[] = [];
  await slicer.each('comparing', read, (entry) => {
    identities.push(rowIdentity(entry));
  });
  return divided(read, identities, options);
}

/** The rows of a file at a place other than the first, which was their place as they were made. */
const placed = new WeakMap<readonly Entry[], { readonly at: number; readonly rows: readonly Entry[] }>();

/** The rows of a file at its place: the same objects each time, so that unchanged rows are found again. */
function placedRows(entries: readonly Entry[], at: number): readonly Entry[] {
  if (at === ROWS_FILE) return entries;
  const known = placed.get(entries);
  if (known?.at === at) return known.rows;
  const rows = entries.map((entry) => entryWith(entry, { file: at }));
  placed.set(entries, { at, rows });
  return rows;
}

/** What lists of divided rows were made from. */
const sources = new WeakMap<readonly Entry[], DividedFrom>();

/** @param identities of the rows (`rowIdentity`) @throws GraftError `split`, `data-rows` */
export function divided(
  read: readonly Entry[],
  identities: readonly (string | undefined)[],
  options: DataOptions,
): DividedRows {
  const { all, split } = divideEntries(read, identities, options);
  // Deleted rows are divided like the others, so that no other row moves to another part.
  const entries = all.filter(({ deleted }) => !deleted);
  sources.set(entries, { read, all, identities, split, options });
  const repeats = findRepeats(
    identities.filter((_, at) => !all[at].deleted),
    entries.map(({ part }) => part),
  );
  return { entries, places: entries.filter(isUsedEntry), ...repeats };
}
