/** The rows of a run: read, made and split by the flags of `graft train`, exactly as in the studio. */
import type { Example } from '../data/example.ts';
import {
  divideRows,
  findRepeats,
  isUsed,
  tasksOfRows,
  TEST_FILE,
  type Fate,
  type Part,
  type Repeats,
} from '../data/parts.ts';
import { judgedTogether } from '../data/mixture.ts';
import { lintPreferences, type PreferenceLint } from '../data/preference-lint.ts';
import type { PreparedRow } from '../data/prepare.ts';
import { optionsBeside } from '../data/sheet.ts';
import { identityOf } from '../data/statistics.ts';
import type { Bytes } from '../data/lines.ts';
import type { List } from '../lists.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { placesByTask } from '../train/tasks.ts';
import { openBytes } from './files.ts';
import type { Output } from './output.ts';
import type { FileReport } from './report-data.ts';
import { HELD, headOf, indexRows, tokenizeRows, withGuess, type HeldRows, type ReadRows } from './rows.ts';
import type { DataOptions } from './train-flags.ts';

/** A file after reading, before its rows are made. */
export interface RunFile {
  /** Its index in the list of files (`data/parts.ts`). */
  readonly file: number;
  readonly name: string;
  readonly read: ReadRows;
}

export interface RunRows {
  readonly train: List<PreparedRow>;
  readonly validation: List<PreparedRow>;
  /** Test rows: `train` neither trains on them nor reads them. */
  readonly test: List<PreparedRow>;
  /** All rows in the order of their files, each with its example and its part; of rows that are made as they are taken only the first. */
  readonly placed: readonly PlacedRow[];
  readonly told: RowsTold;
}

/** Rows that were all made. */
export interface MadeRows extends RunRows {
  readonly train: readonly PreparedRow[];
  readonly validation: readonly PreparedRow[];
  readonly test: readonly PreparedRow[];
}

export interface PlacedRow {
  readonly file: number;
  readonly line: number;
  /** Missing for a part of a document. */
  readonly example?: Example;
  readonly row: PreparedRow;
  readonly fate: Fate;
  /** Whether the limit cut it. */
  readonly cut: boolean;
}

/** Notes about the rows for the person. */
export interface RowsTold {
  readonly files: readonly FileReport[];
  readonly maxLength: number;
  readonly rows: Readonly<Record<Part, number>>;
  readonly skipped: number;
  readonly copies: number;
  /** Rows that the cap of their task left out. */
  readonly capped: number;
  /** The tasks with their shares and rows; one without a name where there is no mixture. */
  readonly tasks: readonly {
    readonly name: string;
    readonly share: number;
    readonly train: number;
    readonly test: number;
  }[];
  /** Rows with copies that were left in. */
  readonly repeated: number;
  /** Rows for validation or test that are trained on too, and where both are. */
  readonly leaks: readonly { readonly row: RowPlace; readonly of: RowPlace }[];
  /** Findings in pairs and judged answers that are trained on. */
  readonly preferences?: PreferenceLint;
  /** Lines of `--skip-rows` on which no row begins. */
  readonly missing: readonly RowPlace[];
}

export interface RowPlace {
  readonly name: string;
  readonly line: number;
}

export interface RowLimits {
  readonly maxLength: number;
  readonly vocabSize: number;
  /** The date for chat templates that ask for it. */
  readonly now: Date;
}

/**
 * Reads all files of a run, and says how far it is.
 *
 * @param bytes of the file of --data
 * @param held the most that is held of a file with a row a line; a larger one gets an index
 */
export async function readRunFiles(
  bytes: Bytes,
  { read: asked, test, more = [] }: DataOptions,
  output: Output,
  held: HeldRows = HELD,
): Promise<RunFile[]> {
  const read = withGuess(bytes, asked, output);
  const files = [readFileOf(0, read.fileName, bytes, read, output, held)];
  for (const [place, name] of [
    ...(test === undefined ? [] : [[TEST_FILE, test] as const]),
    ...more.map((path, at) => [TEST_FILE + 1 + at, path] as const),
  ]) {
    const others = await openBytes(name);
    files.push(
      readFileOf(
        place,
        name,
        others,
        withGuess(others, { ...optionsBeside(headOf(others), name, read), fileName: name }, output),
        output,
        held,
      ),
    );
  }
  return files;
}

function readFileOf(
  file: number,
  name: string,
  bytes: Bytes,
  options: DataOptions['read'],
  output: Output,
  held: HeldRows,
): RunFile {
  return { file, name, read: indexRows(bytes, { ...options, fileName: name }, output, held) };
}

/** The examples of a file, all of them. */
const examplesOf = ({ examples, index }: ReadRows): readonly Example[] =>
  index ? Array.from({ length: index.length }, (_, row) => index.exampleOf(row)) : examples;

interface Made extends Omit<PlacedRow, 'fate' | 'cut'> {
  readonly identity?: string;
  readonly document?: string;
}

/** Makes all rows. @throws GraftError `split`, `prepare-length`, `chat-template-…`, `data-rows`, `data-changed` */
export function makeRunRows(
  files: readonly RunFile[],
  tokenizer: Tokenizer | undefined,
  { maxLength, vocabSize, now }: RowLimits,
  { overlong, validationFraction, testFraction, splitSeed, skip, dropDuplicates, mixture, text }: DataOptions,
  output: Output,
): MadeRows {
  const made: Made[] = [];
  const reports: FileReport[] = [];
  const cut = new Set<string>();
  for (const { file, name, read } of files) {
    const { examples: _, index: __, ...told } = read;
    const { report } = tokenizeRows(
      examplesOf(read),
      tokenizer,
      { maxLength, overlong, vocabSize, now, text },
      output,
      (example, rows) => {
        const own = isWhole(example) ? {} : { identity: identityOf(example), example };
        for (const row of rows)
          made.push({
            ...{ file, line: row.line, ...own, row },
            ...(isWhole(example) && text?.packed !== true && { document: `${file}:${row.line}` }),
          });
      },
    );
    reports.push({ ...told, name, report });
    for (const line of report.cut) cut.add(`${file}:${line}`);
  }
  const fates =
    made.length === 0
      ? []
      : divideRows(made, {
          validation: validationFraction,
          test: testFraction,
          seed: splitSeed,
          skip,
          dropCopies: dropDuplicates,
          ...(mixture && { mixture }),
        });
  const tasks = made.length === 0 ? [] : tasksOfRows(made, fates, mixture);
  const together = mixture ? judgedTogether(made.map(({ row }) => row)) : [];
  tasks.forEach((task, at) => {
    if (task) made[at] = { ...made[at], row: { ...together[at], task } };
  });
  const pick = (part: Part): PreparedRow[] =>
    made.flatMap(({ row }, at) => (fates[at] === part ? [row] : []));
  const preferences = lintPreferences(made.filter((_, at) => fates[at] === 'train'));
  const rows = { train: pick('train'), validation: pick('validation'), test: pick('test') };
  const nameOf = (file: number): string => files.find((other) => other.file === file)?.name ?? '';
  return {
    ...rows,
    placed: made.map(({ file, line, example, row }, at) => ({
      ...{ file, line, example, row },
      fate: fates[at],
      cut: cut.has(`${file}:${line}`),
    })),
    told: {
      files: reports,
      maxLength,
      rows: { train: rows.train.length, validation: rows.validation.length, test: rows.test.length },
      skipped: fates.filter((fate) => fate === 'skipped').length,
      copies: fates.filter((fate) => fate === 'copy').length,
      capped: fates.filter((fate) => fate === 'capped').length,
      tasks: placesByTask(rows.train).map(({ name, share, places }) => ({
        ...{ name, share, train: places.length },
        test: rows.test.filter(({ task }) => task?.name === name).length,
      })),
      ...repeatsOf(
        made.map(({ identity }) => identity),
        fates,
        (at) => ({ name: nameOf(made[at].file), line: made[at].line }),
      ),
      ...(preferences && { preferences }),
      missing: missingLines(files, skip),
    },
  };
}

/** Lines that are to be left out and on which no row begins. */
export function missingLines(files: readonly RunFile[], skip: DataOptions['skip'] = []): RowPlace[] {
  return skip.flatMap((lines, file) => {
    const here = files.find((other) => other.file === file);
    const { examples = [], problems = [], index } = here?.read ?? {};
    const asked = new Set(lines);
    for (const { line } of [...examples, ...problems]) asked.delete(line);
    for (let row = 0; index && row < index.length; row++) asked.delete(index.lineOf(row));
    return [...asked].map((line) => ({ name: here?.name ?? '', line }));
  });
}

/** A document becomes many rows, which are never copies. */
const isWhole = (example: Example): boolean => example.kind === 'text' && example.document === true;

/** Copies among rows, by their identities. @param placeOf of a row */
export function repeatsOf(
  identities: List<string | number | undefined>,
  fates: readonly Fate[],
  placeOf: (at: number) => RowPlace,
): Pick<RowsTold, 'repeated' | 'leaks'> {
  const { repeated, leaked }: Repeats = findRepeats(
    identities,
    fates.map((fate) => (isUsed(fate) ? fate : undefined)),
  );
  return {
    repeated: repeated.size,
    leaks: [...leaked].map(([at, of]) => ({ row: placeOf(at), of: placeOf(of) })),
  };
}
