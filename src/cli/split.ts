/** `graft split`: the rows of a file as files for training, validation and test, or as folds. Needs no model and no GPU. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listOfColumns, valueAt } from '../data/columns.ts';
import type { Example } from '../data/example.ts';
import { splitFairly, type SplitRow } from '../data/fair-split.ts';
import { rawRowsOf, type RawRow } from '../data/raw-rows.ts';
import { identityOf } from '../data/statistics.ts';
import { answerOf } from '../data/unwritable.ts';
import { GraftError } from '../errors.ts';
import { proposeParts, seenInWords, type ProposedPart } from '../evaluate/propose-parts.ts';
import { plural } from '../numbers.ts';
import { textTable } from './evaluate-output.ts';
import { openBytes, writeFolder } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readNamed } from './open-rows.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { modelFlags } from './session.ts';
import { readTasks } from './task-files.ts';
import { oneFile } from './zip-files.ts';

const DEFAULT_SEED = 1;
const MIN_FOLDS = 2;
/** What `--stratify` calls the answer. */
const LABEL = 'label';

export const splitFlags = {
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

type SplitFlags = Flags<typeof splitFlags>;

/** A file that is written. */
interface PartFile {
  readonly name: string;
  readonly file: string;
  readonly rows: readonly number[];
}

/** @throws GraftError `arguments`, `split`, `folder-used`, `data-…`, `json-…`, `file-…` */
export async function splitCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(splitFlags, args);
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
  );
  if (read.unmapped) throw read.unmapped;
  const rows = placed(read.examples, rawRowsOf(bytes, options));
  if (rows.length === 0)
    throw new GraftError('data-rows', `${path} has no rows that can be read.`, 'Run graft check on it.');
  const split = splitRows(rows, flags);
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
      ? `${JSON.stringify({ rows: rows.length, unreadable, seed, parts: files.map((file) => summaryOf(file, split)), why })}\n`
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

interface PlacedRow extends RawRow {
  readonly example: Example;
}

const placed = (examples: readonly Example[], raw: ReadonlyMap<number, RawRow>): PlacedRow[] =>
  examples.flatMap((example) => {
    const row = raw.get(example.line);
    return row ? [{ ...row, example }] : [];
  });

/** @throws GraftError `data-column`, `split` */
function splitRows(rows: readonly PlacedRow[], flags: SplitFlags): SplitRow[] {
  const stratify = columnOf(rows, flags.text('stratify'));
  const group = columnOf(rows, flags.text('group'));
  const split = rows.map((row) => {
    const source = group?.(row);
    const stratum = stratify?.(row);
    return {
      identity: identityOf(row.example),
      ...(source !== undefined && { group: source }),
      ...(stratum !== undefined && { stratum }),
    };
  });
  const strata = new Set(split.map(({ stratum }) => stratum)).size;
  if (stratify && strata > 1 && 2 * strata > rows.length)
    throw new GraftError(
      'split',
      `--stratify ${flags.text('stratify')} has ${strata} values in ${rows.length} rows, so no part can have its share of each.`,
      'Choose a column whose values come up again, or leave --stratify out.',
    );
  return split;
}

/** What a row has in a column; undefined for a row without it. @throws GraftError `data-column` if no row has it */
function columnOf(
  rows: readonly PlacedRow[],
  column: string | undefined,
): ((row: PlacedRow) => string | undefined) | undefined {
  if (column === undefined) return undefined;
  const valueOf = ({ fields }: PlacedRow): string | undefined => {
    const value = valueAt(fields, column);
    if (value === undefined || value === null || value === '') return undefined;
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  if (rows.some((row) => valueOf(row) !== undefined)) return valueOf;
  if (column === LABEL) return ({ example }) => answerOf(example).trim();
  const columns = [...new Set(rows.slice(0, 100).flatMap(({ fields }) => Object.keys(fields)))];
  throw new GraftError(
    'data-column',
    `No row has a value in the column ${column}. The columns are ${listOfColumns(columns)}.`,
    'Choose one of these.',
  );
}

const filesOf = (parts: readonly ProposedPart[], partOf: readonly number[]): PartFile[] =>
  parts.map(({ name }, part) => ({
    ...{ name, file: `${name}.jsonl` },
    rows: partOf.flatMap((of, row) => (of === part ? [row] : [])),
  }));

const foldFiles = (folds: number, partOf: readonly number[]): PartFile[] =>
  Array.from({ length: folds }, (_, fold) =>
    (['train', 'test'] as const).map((name) => ({
      ...{ name: `fold-${fold + 1}/${name}`, file: join(`fold-${fold + 1}`, `${name}.jsonl`) },
      rows: partOf.flatMap((of, row) => ((of === fold) === (name === 'test') ? [row] : [])),
    })),
  ).flat();

async function writeFiles(out: string, files: readonly PartFile[], rows: readonly RawRow[]): Promise<void> {
  const encoder = new TextEncoder();
  const textOf = (file: PartFile): string => file.rows.map((row) => `${rows[row].text}\n`).join('');
  for (const file of files) await writeFolder(out, { [file.file]: encoder.encode(textOf(file)) });
}

/** The most values of a column whose rows are counted in a summary. */
const MAX_VALUES = 200;

function summaryOf({ name, file, rows }: PartFile, split: readonly SplitRow[]): object {
  const values: Record<string, number> = Object.create(null) as Record<string, number>;
  for (const row of rows) {
    const { stratum } = split[row];
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
