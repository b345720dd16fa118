/** Files → the open data: read, tokenized, split and summarised. In slices, since a file may have a hundred thousand rows. */
import { GraftError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Example, LeftList, Numbering, Problem } from './example.ts';
import { ExampleReader } from './formats.ts';
import { documentEntry } from './document-entry.ts';
import { divideEntries, fileOrder, rowIdentity } from './divide.ts';
import { nothingUsable } from './nothing-usable.ts';
import { versionOf, type DataFile, type DataOptions, type OtherFiles } from './options.ts';
import { findRepeats, ROWS_FILE } from './parts.ts';
import { RowMaker, type PrepareReport } from './prepare.ts';
import { questionsOfRows } from './questions.ts';
import {
  isDocument,
  isUsedEntry,
  type Entry,
  type FilePlace,
  type UsedEntry,
  type RowSet,
} from './row-set.ts';
import { optionsBeside } from './sheet.ts';
import { summarise, type DataSummary } from './summary.ts';
import type { UnusedColumn } from './unused.ts';

/** The model that rows are made for. */
export interface RowModel {
  readonly tokenizer: Tokenizer;
  /** Names the tokenizer: equal for models that make the same rows. */
  readonly content: string;
  readonly info: { readonly name: string; readonly maxPositions: number; readonly vocabulary: number };
}

type Doing = 'reading' | 'preparing' | 'comparing';

/** Long work in slices. Between them other work runs, and may stop it. */
export interface Slicer {
  /** Whether it is time to pause: asked after every row, so it must cost nothing. */
  readonly due: boolean;
  /** @throws what ends the work */
  pause(progress: { readonly what: Doing; readonly done: number; readonly total: number }): Promise<void>;
  each<Item>(what: Doing, items: readonly Item[], work: (item: Item, index: number) => void): Promise<void>;
}

/** A file's rows in its order, not yet split. */
export interface OpenFile {
  /** Names its bytes and everything that its rows depend on: equal for equal rows. */
  readonly key: string;
  readonly name: string;
  /** SHA-256 of its bytes, in hex. */
  readonly version: string;
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

/**
 * Reads, prepares and divides. Open rows that are only split differently are not made again.
 *
 * @param before the data that is open
 * @param others a file of test rows, instead of a fraction, and files of more rows
 * @throws GraftError `data-…` (`data-too-long` with the longest), `json-…`, `split`, `prepare-length`, `chat-template-…`, `worker-aborted`
 */
export async function openData(
  model: RowModel,
  file: DataFile,
  options: DataOptions,
  { heldOut, more = [] }: OtherFiles = {},
  slicer: Slicer,
  before?: RowSet,
): Promise<{ data: RowSet; summary: DataSummary }> {
  const { tokenizer, info, content } = model;
  if (options.maxLength > info.maxPositions) {
    throw new GraftError(
      'data-length',
      `Rows of ${options.maxLength} tokens are asked for, and ${info.name} was made for at most ${info.maxPositions}.`,
      `Choose a length of at most ${info.maxPositions}.`,
    );
  }
  const settings: DataOptions = heldOut && !options.mixture ? { ...options, test: 0 } : options;
  const known = before?.files ?? [];
  const main = await openFile(file, model, settings, slicer, known);
  const files: (OpenFile | undefined)[] = [main];
  for (const other of [heldOut, ...more])
    files.push(other && (await openBeside(other, file.name, model, settings, slicer, known)));
  // Without more rows, a missing file gets no index.
  while (files.at(-1) === undefined) files.pop();
  const pause = async (): Promise<void> => {
    if (slicer.due) await slicer.pause({ what: 'comparing', done: 0, total: main.entries.length });
  };
  await pause();
  const read = fileOrder(files).flatMap(
    (at) => files.at(at)?.entries.map((entry): Entry => ({ ...entry, file: at })) ?? [],
  );
  const identities: (string | undefined)[] = [];
  await slicer.each('comparing', read, (entry) => {
    identities.push(rowIdentity(entry));
  });
  const entries = divideEntries(read, identities, settings);
  const places = entries.filter(isUsedEntry);
  const test = places.filter(({ part }) => part === 'test');
  await pause();
  const questions = questionsOfRows(test, tokenizer.chatTemplate !== undefined);
  await pause();
  const data: RowSet = {
    ...placeOf(file),
    ...(heldOut && { heldOut: placeOf(heldOut) }),
    ...(more.length > 0 && { more: more.map(placeOf) }),
    options: settings,
    modelContent: content,
    files,
    entries,
    places,
    ...findRepeats(
      identities,
      entries.map(({ part }) => part),
    ),
    questions,
  };
  await pause();
  return { data, summary: summarise(data, files) };
}

/** Columns are chosen for the first file: an error in another file names that file. */
async function openBeside(
  other: DataFile,
  first: string,
  model: RowModel,
  settings: DataOptions,
  slicer: Slicer,
  known: readonly (OpenFile | undefined)[],
): Promise<OpenFile> {
  try {
    return await openFile(other, model, optionsBeside(other.bytes, other.name, settings), slicer, known);
  } catch (error) {
    if (!(error instanceof GraftError) || !['data-column', 'data-columns'].includes(error.code)) throw error;
    throw new GraftError(
      'data-beside',
      `${other.name} cannot be read beside ${first}, since its columns are others. ${error.what}`,
      `Name its columns as ${first} does, or open it in place of the rows, where you choose its columns.`,
      { cause: error },
    );
  }
}

const placeOf = ({ name, path }: DataFile): FilePlace => ({ name, ...(path !== undefined && { path }) });

export const examplesOf = (places: readonly UsedEntry[]): Example[] =>
  places.flatMap(({ example }) => example ?? []);

async function openFile(
  file: DataFile,
  { tokenizer, info, content }: RowModel,
  { maxLength, overlong, mapping, header, delimiter, text }: DataOptions,
  slicer: Slicer,
  known: readonly (OpenFile | undefined)[],
): Promise<OpenFile> {
  const { name, bytes } = file;
  const version = await versionOf(file);
  const key = JSON.stringify([version, name, content, maxLength, overlong, mapping, header, delimiter, text]);
  const same = known.find((open) => open?.key === key);
  if (same) return same;
  const reader = new ExampleReader(bytes, {
    // The objective is chosen later, and rewards may read every column.
    ...{ fileName: name, mapping, header, delimiter, keepsColumns: true },
    ...(text?.documents !== undefined && { documents: text.documents }),
  });
  for (const share of reader.read())
    if (slicer.due)
      await slicer.pause({ what: 'reading', done: Math.round(share * bytes.length), total: bytes.length });
  const { examples, problems, problemCount, numbering, left, unused, format, unbordered } = reader.result();
  const { unmapped } = reader;
  if (unmapped) throw unmapped;

  const maker = new RowMaker(tokenizer, { maxLength, overlong, vocabSize: info.vocabulary, text });
  const entries: Entry[] = [];
  await slicer.each('preparing', examples, (example) => {
    for (const entry of makeEntries(maker, example)) entries.push(entry);
  });
  const before = maker.rows.length;
  maker.finish();
  entries.push(...maker.rows.slice(before).map((row) => documentEntry(maker, row)));
  const { rows, report } = maker.result();
  if (rows.length === 0) {
    throw nothingUsable({
      name,
      entries,
      problems: [...problems, ...report.failed],
      problemCount: problemCount + report.failed.length,
      numbering,
      options: { maxLength, overlong },
      maxPositions: info.maxPositions,
    });
  }
  const documents = examples.filter(isDocument);
  const bad = problems.map(({ line, reason }): Entry => ({ ...NOTHING, line, reason }));
  return {
    key,
    name,
    version,
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

/** Its file is set when all files are put together. */
const NOTHING = { file: ROWS_FILE, state: 'bad', length: 0, supervised: 0 } as const;

/** The rows that an example becomes: one, or those of a document. */
function makeEntries(maker: RowMaker, example: Example): Entry[] {
  const before = maker.rows.length;
  const { state, length, supervised } = maker.add(example);
  const { line } = example;
  if (state === 'failed') return [{ ...NOTHING, line, example, reason: maker.report.failed.at(-1)?.reason }];
  if (isDocument(example)) {
    return maker.rows.slice(before).map((row) => documentEntry(maker, row));
  }
  const row = maker.rows.length > before ? maker.rows[before] : undefined;
  return [{ file: ROWS_FILE, line, state, row, example, length, supervised }];
}
