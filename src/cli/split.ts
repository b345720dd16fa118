/** `graft split`: the rows of a file as files for training, validation and test, or as folds. Needs no model and no GPU. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listOfColumns, valueAt } from '../data/columns.ts';
import { valueIn, valuesOfRows, type ColumnValues } from '../data/column-values.ts';
import type { Example } from '../data/example.ts';
import type { HeldRows } from '../data/open-rows.ts';
import { splitFairly, type SplitRow } from '../data/fair-split.ts';
import { rawRowsOf, type RawRow } from '../data/raw-rows.ts';
import { equalRows, hashesOf, type Hashes } from '../data/row-hashes.ts';
import { answerOf } from '../data/unwritable.ts';
import { GraftError } from '../errors.ts';
import { proposeParts, seenInWords, type ProposedPart } from '../evaluate/propose-parts.ts';
import type { List } from '../lists.ts';
import { plural } from '../numbers.ts';
import { textTable } from './evaluate-output.ts';
import { makeFolder, openBytes, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readNamed } from './open-rows.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { modelFlags } from './session.ts';
import { SpillFile } from './spill-file.ts';
import { readTasks } from './task-files.ts';
import { oneFile } from './zip-files.ts';

const DEFAULT_SEED = 1;
const MIN_FOLDS = 2;
/** What `--stratify` calls the answer. */
const LABEL = 'label';

export const splitCommandFlags = {
  ...dataFlags,
  stratify: {
    value: 'COLUMN',
    help: `give each part its share of each value of a column; ${LABEL} is the answer, unless there is such a column`,
  },
  group: { value: 'COLUMN', help: 'keep rows with the same value of a column in one part' },
  parts: {
    value: 'NAME=SHARE,…',
    help: 'the parts and their shares, such as train=0.8,validation=0.1,test=0.1 (default: sizes that a verdict needs)',
  },
  folds: {
    value: 'K',
    help: 'in place of parts, K folders fold-1 to fold-K: each row is in the test file of one, and in the training files of the others',
  },
  seed: { value: 'N', help: `draws the rows of each part (default ${DEFAULT_SEED})` },
  out: { value: 'DIR', help: 'where to write a JSONL file for each part; an empty folder or a new one' },
  json: { help: 'print {rows, unreadable, seed, parts: [{name, file, rows, shares}], why} as JSON' },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

type SplitFlags = Flags<typeof splitCommandFlags>;

/** A file that is written. */
interface PartFile {
  readonly name: string;
  readonly file: string;
  readonly rows: Uint32Array;
}

/** The rows of the data, which are read again if a column of them is asked for, and as they are written. */
interface Rows {
  readonly length: number;
  hashesOf(row: number): Hashes;
  exampleOf(row: number): Example;
  rawOf(row: number): RawRow;
}

/** @throws GraftError `arguments`, `split`, `folder-used`, `data-…`, `json-…`, `file-…` */
export async function splitCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(splitCommandFlags, args);
  const data = flags.required('data');
  const out = flags.required('out');
  if (readTasks(data).length > 1)
    throw new GraftError('arguments', 'graft split reads one file.', 'Split each file of --data in a call.');
  const path = await oneFile(readTasks(data)[0].path, output);
  const folds = flags.integer('folds', MIN_FOLDS);
  const asked = readParts(flags);
  const seed = flags.integer('seed') ?? DEFAULT_SEED;
  checkOutput('--out', out, [{ what: 'the data', path }]);
  if (existsSync(out) && readdirSync(out).length > 0)
    throw new GraftError('folder-used', `${out} is not empty.`, 'Choose another folder for --out.');

  const bytes = await openBytes(path);
  const { read, options } = await readNamed(
    path,
    bytes,
    { ...readReadOptions(flags), fileName: path },
    output,
    NOTHING_HELD,
  );
  if (read.unmapped) throw read.unmapped;
  const rows: Rows = read.index ?? placed(read.examples, rawRowsOf(bytes, options));
  if (rows.length === 0)
    throw new GraftError('data-rows', `${path} has no rows that can be read.`, 'Run graft check on it.');
  const { split, strata } = splitRows(rows, flags);
  const proposed = folds === undefined && !asked ? proposeParts(rows.length) : undefined;
  const parts = asked ?? proposed?.parts ?? foldParts(folds!);
  const partOf = splitFairly(
    split,
    parts.map(({ share }) => share),
    seed,
  );
  const files = folds === undefined ? filesOf(parts, partOf) : foldFiles(folds, partOf);
  await writeFiles(out, files, rows);

  const test = files.filter(({ file }) => basename(file) === 'test.jsonl');
  const why = proposed?.why ?? seenInWords(test.map((one) => one.rows.length));
  const unreadable = read.problemCount;
  output.clear();
  output.result(
    flags.on('json')
      ? `${JSON.stringify({ rows: rows.length, unreadable, seed, parts: files.map((file) => summaryOf(file, strata)), why })}\n`
      : inWords(files, { out, rows: rows.length, unreadable, why }),
  );
}

/** @throws GraftError `arguments` */
function readParts(flags: SplitFlags): ProposedPart[] | undefined {
  const given = flags.text('parts');
  if (given === undefined) return undefined;
  if (flags.isGiven('folds'))
    throw new GraftError('arguments', '--parts and --folds are both given.', 'Leave one of them out.');
  const parts = given.split(',').map((part) => {
    const [name, share] = part.split('=').map((word) => word.trim());
    return { name, share: Number(share) };
  });
  const isFair =
    parts.every(({ name, share }) => /^[A-Za-z0-9][\w-]*$/.test(name) && share > 0) &&
    new Set(parts.map(({ name }) => name)).size === parts.length &&
    Math.abs(parts.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-6;
  if (!isFair)
    throw new GraftError(
      'arguments',
      `--parts is ${given}.`,
      'Name each part once, with shares above 0 that are 1 together: train=0.8,validation=0.1,test=0.1.',
    );
  return parts;
}

const foldParts = (folds: number): ProposedPart[] =>
  Array.from({ length: folds }, (_, at) => ({ name: String(at + 1), share: 1 / folds }));

const NOTHING_HELD: HeldRows = { rows: 0, bytes: 0, spill: () => new SpillFile() };

/** Rows that are held: prompts without answers, and tables of web pages. */
function placed(examples: readonly Example[], raw: ReadonlyMap<number, RawRow>): Rows {
  const own = examples.filter(({ line }) => raw.has(line));
  return {
    length: own.length,
    hashesOf: (row) => hashesOf(own[row]),
    exampleOf: (row) => own[row],
    rawOf: (row) => raw.get(own[row].line)!,
  };
}

/** What the rows are split by, and the values of the column of `--stratify`. @throws GraftError `data-column`, `split` */
function splitRows(
  rows: Rows,
  flags: SplitFlags,
): { readonly split: List<SplitRow>; readonly strata: ColumnValues | undefined } {
  const { length } = rows;
  const equal = equalRows(length, (row) => rows.hashesOf(row));
  const strata = valuesOf(rows, flags.text('stratify'));
  const groups = valuesOf(rows, flags.text('group'));
  const count = strata?.names.length ?? 0;
  if (count > 1 && 2 * count > length)
    throw new GraftError(
      'split',
      `--stratify ${flags.text('stratify')} has ${count} values in ${length} rows, so no part can have its share of each.`,
      'Choose a column whose values come up again, or leave --stratify out.',
    );
  const at = (row: number): SplitRow => {
    const [identity, group, stratum] = [equal.get(row), groups?.of[row], strata && valueIn(strata, row)];
    return {
      ...(identity !== undefined && { identity }),
      // 0 is a row without a value.
      ...(group !== undefined && group > 0 && { group }),
      ...(stratum !== undefined && { stratum }),
    };
  };
  return { split: { length, at }, strata };
}

/** @throws GraftError `data-column` if no row has a value in the column */
function valuesOf(rows: Rows, column: string | undefined): ColumnValues | undefined {
  if (column === undefined) return undefined;
  const values = valuesOfRows(rows.length, (row) => {
    const value = valueAt(rows.rawOf(row).fields, column);
    if (value === undefined || value === null || value === '') return undefined;
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
  if (values.names.length > 0) return values;
  if (column === LABEL) return valuesOfRows(rows.length, (row) => answerOf(rows.exampleOf(row)).trim());
  const first = Array.from({ length: Math.min(COLUMN_ROWS, rows.length) }, (_, row) => rows.rawOf(row));
  throw new GraftError(
    'data-column',
    `No row has a value in the column ${column}. The columns are ${listOfColumns([...new Set(first.flatMap(({ fields }) => Object.keys(fields)))])}.`,
    'Choose one of these.',
  );
}

/** Rows whose columns a message names. */
const COLUMN_ROWS = 100;

const filesOf = (parts: readonly ProposedPart[], partOf: readonly number[]): PartFile[] =>
  parts.map(({ name }, part) => ({
    ...{ name, file: `${name}.jsonl` },
    rows: rowsWhere(partOf, (of) => of === part),
  }));

function rowsWhere(partOf: readonly number[], isIn: (part: number) => boolean): Uint32Array {
  const rows = new Uint32Array(partOf.reduce((count, part) => count + Number(isIn(part)), 0));
  let next = 0;
  partOf.forEach((part, row) => {
    if (isIn(part)) rows[next++] = row;
  });
  return rows;
}

const foldFiles = (folds: number, partOf: readonly number[]): PartFile[] =>
  Array.from({ length: folds }, (_, fold) =>
    (['train', 'test'] as const).map((name) => ({
      ...{ name: `fold-${fold + 1}/${name}`, file: join(`fold-${fold + 1}`, `${name}.jsonl`) },
      rows: rowsWhere(partOf, (of) => (of === fold) === (name === 'test')),
    })),
  ).flat();

async function writeFiles(out: string, files: readonly PartFile[], rows: Rows): Promise<void> {
  await makeFolder(out);
  for (const { file, rows: own } of files) await writeWhole(join(out, file), linesOf(own, rows));
}

/** Rows that are written at once. */
const ROWS_AT_ONCE = 1024;

async function* linesOf(own: Uint32Array, rows: Rows): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let from = 0; from < own.length; from += ROWS_AT_ONCE) {
    const some = own.subarray(from, from + ROWS_AT_ONCE);
    yield encoder.encode(Array.from(some, (row) => `${rows.rawOf(row).text}\n`).join(''));
  }
}

/** The most values of a column whose rows are counted in a summary. */
const MAX_VALUES = 200;

function summaryOf({ name, file, rows }: PartFile, strata: ColumnValues | undefined): object {
  const values: Record<string, number> = Object.create(null) as Record<string, number>;
  for (const row of rows) {
    const stratum = strata && valueIn(strata, row);
    if (stratum !== undefined) values[stratum] = (values[stratum] ?? 0) + 1;
  }
  const count = Object.keys(values).length;
  return { name, file, rows: rows.length, ...(count > 0 && count <= MAX_VALUES && { values }) };
}

interface SplitReport {
  readonly out: string;
  readonly rows: number;
  readonly unreadable: number;
  readonly why: string;
}

function inWords(files: readonly PartFile[], { out, rows, unreadable, why }: SplitReport): string {
  const left = unreadable > 0 ? ` ${plural(unreadable, 'row')} could not be read and are in no part.` : '';
  const table = textTable(
    ['part', 'rows', 'file'],
    files.map((file) => [file.name, String(file.rows.length), join(out, file.file)]),
  );
  return `${table}${plural(rows, 'row')} are split.${left}\n${why}\n`;
}
