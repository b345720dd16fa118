/** `graft split`: the rows of a file as files for training, validation and test, or as folds. Needs no model and no GPU. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listOfColumns, valueAt } from '../data/columns.ts';
import { valueIn, valuesOfRows, type ColumnValues } from '../data/column-values.ts';
import type { Example } from '../data/example.ts';
import type { HeldRows } from '../data/open-rows.ts';
import { splitFairly, type SplitRow } from '../data/fair-split.ts';
import { foldsOf, MIN_FOLDS } from '../data/folds.ts';
import { ROWS_FILE, splitRows, type Part } from '../data/parts.ts';
import { rawRowsOf, type RawRow } from '../data/raw-rows.ts';
import { equalRows, hashesOf, type Hashes } from '../data/row-hashes.ts';
import { answerOf } from '../data/unwritable.ts';
import { GraftError } from '../errors.ts';
import { proposeParts, seenInWords, type ProposedPart } from '../evaluate/propose-parts.ts';
import { changed, type List } from '../lists.ts';
import { plural } from '../numbers.ts';
import { SPLIT_SETTINGS } from '../settings/rows.ts';
import { textTable } from './evaluate-output.ts';
import { makeFolder, openBytes, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readNamed } from './open-rows.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { modelFlags } from './session.ts';
import { settingFlags } from './setting-flags.ts';
import { SpillFile } from './spill-file.ts';
import { readTasks } from './task-files.ts';
import { oneFile } from './zip-files.ts';

const DEFAULT_SEED = 1;
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
  'val-fraction': {
    value: settingFlags(SPLIT_SETTINGS)['val-fraction'].value,
    help: 'with --folds: the validation part of a run with this seed, whose rows are dealt to folds as well (default 0)',
  },
  'test-fraction': {
    value: settingFlags(SPLIT_SETTINGS)['test-fraction'].value,
    help: 'with --folds: the test part of a run with this seed and --val-fraction, which is in no fold; it is written as test.jsonl (default 0)',
  },
  seed: { value: 'N', help: `draws the rows of each part (default ${DEFAULT_SEED})` },
  out: { value: 'DIR', help: 'where to write a JSONL file for each part; an empty folder or a new one' },
  json: {
    help: 'print {rows, unreadable, seed, parts: [{name, file, rows, values}], why} as JSON; values counts the rows of each part by --stratify',
  },
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
  checkHeldOut(flags);
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
  const { split, strata } = drawnRows(rows, flags);
  const proposed = folds === undefined && !asked ? proposeParts(rows.length) : undefined;
  const files =
    folds === undefined
      ? filesOf((asked ?? proposed?.parts)!, split, seed)
      : foldFiles(folds, heldOut(split, flags, seed), split, seed);
  await writeFiles(out, files, rows);

  const test = files.filter(({ name, file }) =>
    folds === undefined ? basename(file) === 'test.jsonl' : name.endsWith('/test'),
  );
  const tested = test.map((one) => one.rows.length);
  const why =
    proposed?.why ??
    (folds === undefined
      ? seenInWords(tested)
      : `Each row is tested once. ${seenInWords([tested.reduce((sum, rows) => sum + rows, 0)])}`);
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

/** @throws GraftError `arguments` */
function checkHeldOut(flags: SplitFlags): void {
  const given = (['val-fraction', 'test-fraction'] as const).find((name) => flags.isGiven(name));
  if (given !== undefined && !flags.isGiven('folds'))
    throw new GraftError('arguments', `--${given} is given without --folds.`, 'Give shares with --parts.');
}

/** The part of each row as a run with this seed splits them. @throws GraftError `split`, `data-column` */
function heldOut(split: List<SplitRow>, flags: SplitFlags, seed: number): readonly Part[] {
  const [validation, test] = [flags.number('val-fraction') ?? 0, flags.number('test-fraction') ?? 0];
  const isFair = flags.isGiven('stratify') || flags.isGiven('group');
  const rows = changed(split, (drawnAs, line) => ({ file: ROWS_FILE, line, drawnAs }));
  return splitRows(rows, { validation, test, seed, ...(isFair && { fair: {} }) });
}

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
function drawnRows(
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

/** @throws GraftError `split` */
function filesOf(parts: readonly ProposedPart[], split: List<SplitRow>, seed: number): PartFile[] {
  const shares = parts.map(({ share }) => share);
  const partOf = splitFairly(split, shares, seed);
  return parts.map(({ name }, part) => ({
    ...{ name, file: `${name}.jsonl` },
    rows: rowsWhere(partOf, (of) => of === part),
  }));
}

function rowsWhere<Of>(partOf: readonly Of[], isIn: (part: Of) => boolean): Uint32Array {
  const rows = new Uint32Array(partOf.reduce((count, part) => count + Number(isIn(part)), 0));
  let next = 0;
  partOf.forEach((part, row) => {
    if (isIn(part)) rows[next++] = row;
  });
  return rows;
}

/** @throws GraftError `split` */
function foldFiles(folds: number, parts: readonly Part[], split: List<SplitRow>, seed: number): PartFile[] {
  const dealt = rowsWhere(parts, (part) => part !== 'test');
  const ofDealt = foldsOf({ length: dealt.length, at: (place) => split.at(dealt[place]) }, folds, seed);
  const partOf = new Array<number | undefined>(parts.length).fill(undefined);
  dealt.forEach((row, place) => {
    partOf[row] = ofDealt[place];
  });
  const test = rowsWhere(parts, (part) => part === 'test');
  return [
    ...Array.from({ length: folds }, (_, fold) =>
      (['train', 'test'] as const).map((name) => ({
        ...{ name: `fold-${fold + 1}/${name}`, file: join(`fold-${fold + 1}`, `${name}.jsonl`) },
        rows: rowsWhere(partOf, (of) => of !== undefined && (of === fold) === (name === 'test')),
      })),
    ).flat(),
    ...(test.length > 0 ? [{ name: 'test', file: 'test.jsonl', rows: test }] : []),
  ];
}

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
  const left =
    unreadable > 0
      ? ` ${plural(unreadable, 'row')} could not be read and ${unreadable === 1 ? 'is' : 'are'} in no part.`
      : '';
  const table = textTable(
    ['part', 'rows', 'file'],
    files.map((file) => [file.name, String(file.rows.length), join(out, file.file)]),
  );
  return `${table}${plural(rows, 'row')} are split.${left}\n${why}\n`;
}
