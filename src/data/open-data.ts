/** Files → the open data of the page: rows, their summary, and what identifies them. */
import { GraftError } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { bytesOf, SpillBlob } from './file-content.ts';
import { nothingUsable } from './nothing-usable.ts';
import { divideFiles, makeFile, readFile, type HeldRows, type Slicer } from './open-rows.ts';
import { versionOf, type DataFile, type DataOptions, type OtherFiles } from './options.ts';
import { questionsOfRows } from './questions.ts';
import type { FilePlace, OpenFile, RowSet } from './row-set.ts';
import { changedEntries, type RowChanges } from './row-changes.ts';
import { optionsBeside } from './sheet.ts';
import { summarise, type DataSummary } from './summary.ts';

/** The model that rows are made for. */
export interface RowModel {
  readonly tokenizer: Tokenizer;
  /** Names the tokenizer: equal for models that make the same rows. */
  readonly content: string;
  readonly info: { readonly name: string; readonly maxPositions: number; readonly vocabulary: number };
}

interface Changed {
  /** What a person changed in the rows of the files. */
  readonly changes?: RowChanges;
}

/** The most that is held of a file; of a larger one the rows are read again as they are asked for. */
const HELD: HeldRows = { rows: 20_000, bytes: 16 * 2 ** 20, spill: () => new SpillBlob() };

/** How files are read. */
interface Reading {
  readonly slicer: Slicer;
  /** Files that are open. */
  readonly known: readonly (OpenFile | undefined)[];
  readonly held: HeldRows;
}

interface OpenedRows {
  readonly data: RowSet;
  readonly summary: DataSummary;
}

/** Files that are read, and how their rows are divided. */
type OpenFiles = Pick<RowSet, 'name' | 'path' | 'heldOut' | 'more'> &
  Required<Pick<RowSet, 'files' | 'options'>>;

/**
 * Reads, prepares and divides. Open rows that are only split differently are not made again.
 *
 * @param before the data that is open
 * @param others a file of test rows, instead of a fraction, files of more rows, and the changes of a person
 * @param held the most that is held of a file
 * @throws GraftError `data-…` (`data-too-long` with the longest), `json-…`, `split`, `prepare-length`, `chat-template-…`, `worker-aborted`
 */
export async function openData(
  model: RowModel,
  file: DataFile,
  options: DataOptions,
  { heldOut, more = [], changes }: OtherFiles & Changed = {},
  slicer: Slicer,
  before?: RowSet,
  held: HeldRows = HELD,
): Promise<OpenedRows> {
  const { info } = model;
  if (options.maxLength > info.maxPositions) {
    throw new GraftError(
      'data-length',
      `Rows of ${options.maxLength} tokens are asked for, and ${info.name} was made for at most ${info.maxPositions}.`,
      `Choose a length of at most ${info.maxPositions}.`,
    );
  }
  const settings: DataOptions = heldOut && !options.mixture ? { ...options, test: 0 } : options;
  const known = before?.files ?? [];
  const reading = { slicer, known, held };
  const main = await openFile(file, model, settings, reading);
  const files: (OpenFile | undefined)[] = [main];
  for (const other of [heldOut, ...more])
    files.push(other && (await openBeside(other, file.name, model, settings, reading)));
  // Without more rows, a missing file gets no index.
  while (files.at(-1) === undefined) files.pop();
  const open = {
    ...placeOf(file),
    ...(heldOut && { heldOut: placeOf(heldOut) }),
    ...(more.length > 0 && { more: more.map(placeOf) }),
    options: settings,
    files,
  };
  return divideOpen(model, open, slicer, changes, before);
}

/**
 * Divides files that are read, with the changes of a person.
 *
 * @param before rows that are open: those that did not change are not made again
 * @throws GraftError `split`, `data-rows`, `chat-template-…`, `worker-aborted`
 */
export async function divideOpen(
  { tokenizer, info, content }: RowModel,
  open: OpenFiles,
  slicer: Slicer,
  changes?: RowChanges,
  before?: RowSet,
): Promise<OpenedRows> {
  const { files, options } = open;
  const { maxLength, overlong } = options;
  const total = files.reduce((sum, file) => sum + (file?.entries.length ?? 0), 0);
  const pause = async (): Promise<void> => {
    if (slicer.due) await slicer.pause({ what: 'comparing', done: 0, total });
  };
  await pause();
  const making = { maxLength, overlong, vocabSize: info.vocabulary };
  const { places, changed, ...rows } = await divideFiles(
    files,
    options,
    slicer,
    (entries) => (changes ? changedEntries(entries, changes, tokenizer, making) : entries),
    before,
  );
  const from = before && changed && { entries: before.entries, changed };
  const hasSameTest = from && ![...changed.gone, ...changed.come].some(({ part }) => part === 'test');
  await pause();
  const questions = hasSameTest
    ? before.questions
    : questionsOfRows(
        places.filter(({ part }) => part === 'test'),
        tokenizer.chatTemplate ?? false,
      );
  await pause();
  const data: RowSet = {
    ...open,
    ...(changes && changes.size > 0 && { changes }),
    modelContent: content,
    ...rows,
    places,
    questions,
  };
  await pause();
  return { data, summary: summarise(data, files, from) };
}

/** Columns are chosen for the first file: an error in another file names that file. */
async function openBeside(
  other: DataFile,
  first: string,
  model: RowModel,
  settings: DataOptions,
  reading: Reading,
): Promise<OpenFile> {
  try {
    return await openFile(other, model, optionsBeside(bytesOf(other.bytes), other.name, settings), reading);
  } catch (error) {
    if (!(error instanceof GraftError) || !['data-column', 'data-columns'].includes(error.code)) throw error;
    throw new GraftError(
      'data-beside',
      `${other.name} cannot be combined with ${first}: the columns differ. ${error.what}`,
      `Name its columns as ${first} does, or open it in place of the rows and choose its columns.`,
      { cause: error },
    );
  }
}

const placeOf = ({ name, path }: DataFile): FilePlace => ({ name, ...(path !== undefined && { path }) });

async function openFile(
  file: DataFile,
  { tokenizer, info, content }: RowModel,
  { maxLength, overlong, mapping, header, delimiter, text }: DataOptions,
  { slicer, known, held }: Reading,
): Promise<OpenFile> {
  const { name } = file;
  const bytes = bytesOf(file.bytes);
  const version = await versionOf(file);
  const key = JSON.stringify([version, name, content, maxLength, overlong, mapping, header, delimiter, text]);
  const same = known.find((open) => open?.key === key);
  if (same) return same;
  const making = { maxLength, overlong, vocabSize: info.vocabulary, text };
  // The objective is chosen later, and rewards may read every column.
  const read = await readFile(
    bytes,
    {
      ...{ fileName: name, mapping, header, delimiter, keepsColumns: true },
      ...(text?.documents !== undefined && { documents: text.documents }),
    },
    slicer,
    held,
    { tokenizer, options: making },
  );
  if (read.unmapped) throw read.unmapped;
  const made = await makeFile(name, read, tokenizer, making, slicer);
  const { entries, report, problems, problemCount, numbering } = made;
  if (report.rows === 0)
    throw nothingUsable({
      ...{ name, entries, problems, problemCount, numbering },
      options: { maxLength, overlong },
      maxPositions: info.maxPositions,
    });
  return { ...made, key, version };
}
