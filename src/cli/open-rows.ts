/** The rows of a call: its files opened, read, made and divided as on the page, with a report of the progress. A million rows should not pass in silence. */
import { sureMapping } from '../data/columns.ts';
import { CertainRows } from '../data/certain-rows.ts';
import type { ReadOptions } from '../data/formats.ts';
import type { Bytes } from '../data/lines.ts';
import {
  divideFiles,
  makeFile,
  readFile,
  type HeldRows,
  type ReadRows,
  type Slicer,
} from '../data/open-rows.ts';
import { ROWS_FILE, TEST_FILE, type RowStatus } from '../data/parts.ts';
import type { PreparedRow } from '../data/prepare.ts';
import { changedEntries } from '../data/row-changes.ts';
import { checkRowChanges, readRowChanges } from '../data/row-changes-file.ts';
import type { MadeFile } from '../data/row-set.ts';
import type { SectionSource } from '../data/sections.ts';
import { inspectHead, optionsBeside } from '../data/sheet.ts';
import { headOf } from '../data/sheet-types.ts';
import { areTaken, takeRows } from '../data/taken-rows.ts';
import { itemOf, type List } from '../lists.ts';
import { shellWord } from '../text/shell.ts';
import { askedRow } from '../runs/asked-rows.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { startFileHash, type FileHash } from './file-hash.ts';
import { openBytes, readInput } from './files.ts';
import type { Output } from './output.ts';
import { placedRowsOf, type PlacedRow } from './placed-rows.ts';
import { reportRows, reportTakenRows, type RowsReport } from './report-data.ts';
import type { AskedRows } from './row-flags.ts';
import { startSharer } from './section-sharer.ts';
import { SpillFile } from './spill-file.ts';
import { withZippedFiles } from './zip-files.ts';

/** The most that is held of a file; a larger one gets an index. */
export const HELD: HeldRows = { rows: 20_000, bytes: 64 * 2 ** 20, spill: () => new SpillFile() };

/** Rows between two checks of the clock. */
const ROWS_BETWEEN = 64;

export interface SplitRows {
  readonly train: List<PreparedRow>;
  readonly validation: List<PreparedRow>;
  /** Test rows: `train` neither trains on them nor reads them. */
  readonly test: List<PreparedRow>;
  /** All rows in the order of their files, test rows of their own last; of rows that are made as they are taken only the first. */
  readonly placed: readonly PlacedRow[];
  /** All of them in any case. */
  readonly all: List<PlacedRow>;
  readonly report: RowsReport;
  /** The bytes of the first file. */
  readonly bytes: Bytes;
  /** Their hash, if it was asked for and the file is large. */
  readonly hash?: FileHash;
}

export interface RowLimits {
  readonly maxLength: number;
  readonly vocabSize: number;
  /** The date for chat templates that ask for it. */
  readonly now: Date;
  /** Whether rows are for an encoder. */
  readonly encodes?: boolean | undefined;
}

interface OpenHow {
  /** Whether rewards read columns that rows do not use. */
  readonly keepsColumns?: boolean;
  /** The answer of rows that the documents do not answer ({@link ReadOptions.unanswered}). */
  readonly unanswered?: string;
  /** Whether rows of a large file may be made as they are taken. */
  readonly mayTake?: boolean;
  /** Whether answers are sampled to the rows: then each has the texts of its prompt and answer. */
  readonly samples?: boolean;
  /** Whether the first file is hashed while it is read. */
  readonly hashes?: boolean;
  readonly held?: HeldRows;
}

/**
 * @param tokenizer may be missing if all rows are token rows
 * @throws GraftError `file-missing`, `data-…`, `json-…`, `split`, `prepare-length`, `chat-template-…`, `tokenizer-missing`
 */
export async function openRows(
  asked: AskedRows,
  tokenizer: Tokenizer | undefined,
  { maxLength, ...limits }: RowLimits,
  output: Output,
  {
    keepsColumns: keepsAll = false,
    unanswered,
    mayTake = false,
    samples,
    hashes,
    held: most = HELD,
  }: OpenHow = {},
): Promise<SplitRows> {
  const { changes: changesFile, options } = asked;
  const { overlong, text } = options;
  const making = { maxLength, ...limits, overlong, text };
  const certain = mayTake && tokenizer ? new CertainRows(tokenizer, making) : undefined;
  // An index helps nobody who makes all rows.
  const held = mayTake ? { ...most, ...(certain && { certain }) } : undefined;
  const { file, test, more } = await withZippedFiles(asked, options.mixture !== undefined, output);
  // A split by a column reads it.
  const keepsColumns = keepsAll || options.fair !== undefined;
  const reading = { ...options, maxLength };
  const bytes = await openBytes(file);
  const first = await readNamed(
    file,
    bytes,
    readOptionsOf(options, file, { keepsColumns, unanswered }),
    output,
    held,
  );
  // Two threads read a large file, on both cores of a small machine. From here on one core is free.
  const hash = hashes ? startFileHash(bytes) : undefined;
  const files: { readonly file: number; readonly name: string; readonly read: ReadRows }[] = [
    { file: ROWS_FILE, name: file, read: first.read },
  ];
  // Test rows of their own come last, as in the list of the page.
  for (const [place, name] of [
    ...more.map((path, at) => [TEST_FILE + 1 + at, path] as const),
    ...(test === undefined ? [] : [[TEST_FILE, test] as const]),
  ]) {
    const others = await openBytes(name);
    const beside = optionsBeside(headOf(others), name, first.options);
    const { read } = await readNamed(name, others, { ...beside, fileName: name }, output, held);
    files.push({ file: place, name, read });
  }
  const reads = files.map(({ read }) => read);
  const slicer = new Telling(output, 'Looking at the rows');
  const changes =
    changesFile === undefined
      ? undefined
      : readRowChanges(new TextDecoder().decode(await readInput(changesFile)), changesFile);
  if (certain && !changes && areTaken(reads, options, samples)) {
    const finish = samples ? askedRow<PreparedRow> : undefined;
    const taken = await takeRows(files, certain, reading, slicer, finish);
    output.clear();
    const { train, validation } = taken;
    const all = placedRowsOf(taken);
    return {
      ...{ train, validation, test: taken.test, bytes },
      ...(hash && { hash }),
      placed: all.length > 0 ? [itemOf(all, 0)] : [],
      all,
      report: reportTakenRows(files, taken, reading),
    };
  }
  const made: (MadeFile | undefined)[] = [];
  for (const { file: place, name, read } of files)
    made[place] = await makeFile(name, read, tokenizer, making, new Telling(output, 'Tokenizing'));
  output.clear();
  if (changes && changesFile !== undefined) {
    const all = made.flatMap((one, place) => one?.entries.map((entry) => ({ ...entry, file: place })) ?? []);
    checkRowChanges(changes, all, changesFile);
  }
  const divided = await divideFiles(Array.from(made), reading, slicer, (entries) =>
    changes ? changedEntries(entries, changes, tokenizer, making) : entries,
  );
  const placed = divided.entries.flatMap(({ row, part, state, ...entry }): PlacedRow[] => {
    const { file: place, line, example } = entry;
    return row
      ? [
          {
            ...{ file: place, line, example, row },
            ...{ fate: part ?? (state as RowStatus), cut: state === 'cut' },
            ...(row.task && { task: row.task }),
          },
        ]
      : [];
  });
  const rowsOf = (fate: RowStatus): PreparedRow[] =>
    placed.filter((one) => one.fate === fate).map(({ row }) => row);
  const rows = { train: rowsOf('train'), validation: rowsOf('validation'), test: rowsOf('test') };
  return {
    ...rows,
    bytes,
    ...(hash && { hash }),
    ...{ placed, all: placed },
    report: reportRows(files, Array.from(made), divided, rows, reading),
  };
}

function readOptionsOf(
  { mapping, header, delimiter, text }: AskedRows['options'],
  fileName: string,
  { keepsColumns, unanswered }: Pick<OpenHow, 'keepsColumns' | 'unanswered'>,
): ReadOptions {
  return {
    ...{ fileName, mapping, header, delimiter },
    ...(text?.documents !== undefined && { documents: text.documents }),
    ...(keepsColumns && { keepsColumns }),
    ...(unanswered !== undefined && { unanswered }),
  };
}

/** Reads a file, and says how far it is. @returns its rows, and the options with the columns that were guessed */
export async function readNamed(
  name: string,
  bytes: Bytes,
  asked: ReadOptions,
  output: Output,
  held?: HeldRows,
): Promise<{ readonly read: ReadRows; readonly options: ReadOptions }> {
  const options = withGuess(bytes, asked, output);
  const shared = held && { share: (source: SectionSource) => startSharer(bytes, source), ...held };
  const read = await readFile(bytes, options, new Telling(output, `Reading ${name}`), shared);
  output.clear();
  return { read, options };
}

const number = (value: number): string => value.toLocaleString('en');

/** Work that is not divided, with its progress in words. */
class Telling implements Slicer {
  #rows = 0;

  constructor(
    private readonly output: Output,
    private readonly what: string,
  ) {}

  get due(): boolean {
    return ++this.#rows % ROWS_BETWEEN === 0;
  }

  pause({ what, done, total, rows = this.#rows }: Parameters<Slicer['pause']>[0]): Promise<void> {
    const far =
      what === 'reading'
        ? `${number(rows)} rows, ${Math.min(100, Math.floor((100 * done) / total))} %`
        : `${number(done)} of ${number(total)} rows`;
    this.output.progress(`${this.what}: ${far}`);
    return Promise.resolve();
  }

  async each<Item>(
    what: Parameters<Slicer['pause']>[0]['what'],
    items: readonly Item[],
    work: (item: Item, index: number) => void,
  ): Promise<void> {
    for (const [index, item] of items.entries()) {
      work(item, index);
      if (this.due) await this.pause({ what, done: index + 1, total: items.length });
    }
  }
}

/**
 * The options with a mapping, if the file has none and its columns are of no known format, but prompt and answer are clear from their names. Says so.
 */
function withGuess(content: Bytes, options: ReadOptions, output: Output): ReadOptions {
  const { fileName, mapping, header, delimiter } = options;
  if (mapping) return options;
  const sheet = inspectHead(headOf(content), fileName, { header, delimiter });
  if (!sheet || sheet.format !== undefined) return options;
  const guess = sureMapping(sheet.columns);
  if (!guess || 'text' in guess) return options;
  const { system, prompt, input, answer } = guess;
  const named = Object.entries({ system, prompt, input, answer }).flatMap(([part, template]) =>
    template === undefined ? [] : [`--${part}-template ${shellWord(template)}`],
  );
  output.line(`Columns by their names: ${named.join(' ')}`);
  return { ...options, mapping: guess };
}
