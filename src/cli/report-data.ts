/** Prints what was read from the files of a run, what was not, and what needs a look. */
import { NO_KNOWN_FIELDS } from '../data/collector.ts';
import type { DividedRows, ReadRows } from '../data/open-rows.ts';
import type { DataOptions } from '../data/options.ts';
import type { RowStatus, Part } from '../data/parts.ts';
import { adviceOf, cutWords, lintPreferences, type PreferenceLint } from '../data/preference-lint.ts';
import type { PreparedRow, PrepareReport } from '../data/prepare.ts';
import type { MadeFile } from '../data/row-set.ts';
import type { TakenRows } from '../data/taken-rows.ts';
import { GraftError } from '../errors.ts';
import type { List } from '../lists.ts';
import { percent } from '../numbers.ts';
import { placesByTask } from '../train/tasks.ts';
import type { Output } from './output.ts';

/** The report of one file. For rows that are made as they are taken, `report` has their number and covers those that had to be made in advance. */
interface FileReport extends Omit<MadeFile, 'entries' | 'documents'> {
  /** Some rows of such a file, spread evenly. */
  readonly sample?: PrepareReport;
}

/** Notes about the rows for the person. */
export interface RowsReport {
  readonly files: readonly FileReport[];
  readonly maxLength: number;
  readonly rows: Readonly<Record<Part, number>>;
  readonly skipped: number;
  readonly copies: number;
  /** Rows that the cap of their task left out. */
  readonly capped: number;
  /** The tasks with their shares and rows; one without a name if there is no mixture. */
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
  /** Lines of `--skip-rows` on which no row starts. */
  readonly missing: readonly RowPlace[];
}

interface RowPlace {
  readonly name: string;
  readonly line: number;
}

/** A file of the call, after reading. */
interface NamedFile {
  /** Its place in the list of files (`data/parts.ts`). */
  readonly file: number;
  readonly name: string;
  readonly read: ReadRows;
}

/** Notes about rows that were all made. @param made files in their places */
export function reportRows(
  files: readonly NamedFile[],
  made: readonly (MadeFile | undefined)[],
  { entries, repeated, leaked }: DividedRows,
  rows: Readonly<Record<Part, readonly PreparedRow[]>>,
  { maxLength, skip }: DataOptions,
): RowsReport {
  const countOf = (fate: RowStatus): number => entries.filter(({ state }) => state === fate).length;
  const placeOf = (at: number): RowPlace => nameOf(files, entries[at]);
  const preferences = lintPreferences(
    entries.flatMap(({ part, row, example }) => (part === 'train' && row ? [{ row, example }] : [])),
  );
  return {
    files: files.flatMap(({ file }): FileReport[] => {
      const { entries: _, documents: __, ...own } = made[file]!;
      return [own];
    }),
    maxLength,
    rows: { train: rows.train.length, validation: rows.validation.length, test: rows.test.length },
    ...{ skipped: countOf('skipped'), copies: countOf('copy'), capped: countOf('capped') },
    tasks: tasksIn(rows),
    repeated: repeated.size,
    leaks: [...leaked].map(([at, of]) => ({ row: placeOf(at), of: placeOf(of) })),
    ...(preferences && { preferences }),
    missing: missingLines(files, skip),
  };
}

function tasksIn({ train, test }: Readonly<Record<Part, List<PreparedRow>>>): RowsReport['tasks'] {
  const tests = new Map(placesByTask(test).map(({ name, places }) => [name, places.length]));
  return placesByTask(train).map(({ name, share, places }) => ({
    ...{ name, share, train: places.length },
    test: tests.get(name) ?? 0,
  }));
}

/** The same of rows that are made as they are taken. */
export function reportTakenRows(
  files: readonly NamedFile[],
  { fates, placeOf, reports, samples, repeated, leaked, preferences, ...rows }: TakenRows,
  { maxLength, skip }: DataOptions,
): RowsReport {
  const countOf = (fate: RowStatus): number => fates.reduce((sum, one) => sum + Number(one === fate), 0);
  const nameAt = (at: number): RowPlace => nameOf(files, placeOf(at));
  return {
    files: files.map(({ name, read }, at): FileReport => {
      const { examples: _, index: __, unmapped: ___, problems, problemCount, ...rest } = read;
      const { failed } = reports[at];
      return {
        ...{ ...rest, name, report: reports[at], sample: samples[at] },
        problems: [...problems, ...failed].sort((a, b) => a.line - b.line),
        problemCount: problemCount + failed.length,
      };
    }),
    maxLength,
    rows: { train: rows.train.length, validation: rows.validation.length, test: rows.test.length },
    ...{ skipped: countOf('skipped'), copies: countOf('copy'), capped: countOf('capped') },
    tasks: rows.train.tasks ? tasksIn(rows) : [],
    repeated: repeated.size,
    leaks: [...leaked].map(([at, of]) => ({ row: nameAt(at), of: nameAt(of) })),
    ...(preferences && { preferences }),
    missing: missingLines(files, skip),
  };
}

const nameOf = (
  files: readonly NamedFile[],
  { file, line }: { readonly file: number; readonly line: number },
): RowPlace => ({ name: files.find((other) => other.file === file)?.name ?? '', line });

/** Lines that are to be left out and on which no row starts. */
function missingLines(files: readonly NamedFile[], skip: DataOptions['skip'] = []): RowPlace[] {
  return skip.flatMap((lines, file) => {
    const here = files.find((other) => other.file === file);
    const { examples = [], problems = [], index } = here?.read ?? {};
    const asked = new Set(lines);
    for (const { line } of [...examples, ...problems]) asked.delete(line);
    for (let row = 0; index && row < index.length; row++) asked.delete(index.lineOf(row));
    return [...asked].map((line) => ({ name: here?.name ?? '', line }));
  });
}

const SHOWN = 5;

/** @throws GraftError `train-rows` if nothing is left to train on */
export function reportData(output: Output, report: RowsReport): void {
  for (const file of report.files) reportFile(output, file, report);
  const { rows, skipped, copies, capped, tasks, repeated, leaks, missing } = report;
  if (skipped > 0) output.line(`  ${rowsOf(skipped)} left out by --skip-rows`);
  for (const { name, line } of missing.slice(0, SHOWN))
    output.line(
      `Warning: --skip-rows names ${line} of ${name || 'a file that is not given'}, but no row starts there`,
    );
  if (copies > 0) output.line(`  ${rowsOf(copies)} left out by --drop-duplicates`);
  if (capped > 0) output.line(`  ${rowsOf(capped)} left out by --mix-cap`);
  if (leaks.length > 0) {
    const some = leaks
      .slice(0, SHOWN)
      .map(({ row, of }) => `${row.name} ${row.line} repeats ${of.name} ${of.line}`)
      .join(', ');
    output.line(
      `Warning: ${leaks.length} of the rows for validation or test are trained on too (${some}${leaks.length > SHOWN ? ', …' : ''}); --drop-duplicates leaves the training copies out`,
    );
  } else if (repeated > 0)
    output.line(
      `  ${rowsOf(repeated)} ${repeated === 1 ? 'repeats' : 'repeat'} an earlier one; --drop-duplicates leaves copies out`,
    );
  const { preferences } = report;
  if (preferences) {
    for (const { title, why } of adviceOf(preferences)) output.line(`Warning: ${title}. ${why}`);
    const cut = cutWords(preferences);
    if (cut !== '')
      output.line(`Warning: ${cut} Raise --max-length, or give --overlong truncate-prompt or drop`);
  }
  if (tasks.length > 1)
    for (const { name, share, train, test } of tasks)
      output.line(
        `  Task ${name}: ${rowsOf(train)} to train on, drawn ${percent(share)} of the time; ${test} for a test`,
      );
  if (rows.validation + rows.test > 0 || skipped + copies + capped > 0)
    output.line(
      `  ${rows.train} rows to train on, ${rows.validation} for validation, ${rows.test} kept apart for a test`,
    );
  const isEmpty = report.files.every(
    ({ problemCount, report }) =>
      problemCount + report.rows + report.unsupervised.length + report.dropped.length === 0,
  );
  const unknown = report.files.some(({ problems }) =>
    problems.some(({ reason }) => reason.startsWith(NO_KNOWN_FIELDS)),
  );
  if (rows.train === 0)
    throw new GraftError(
      'train-rows',
      isEmpty ? 'The data has no rows.' : 'No row is left to train on.',
      unknown
        ? 'Say which columns are the prompt and the answer: --prompt-template, --input-template and --answer-template, with columns as {{name}} and nested ones as {{list.0.name}}.'
        : isEmpty
          ? 'Choose a file with examples.'
          : 'See the reasons above.',
    );
}

/** Formats with names that need an explanation. */
const FORMATS: Readonly<Record<string, string>> = { none: '', mapped: ' (by templates)' };

const rowsOf = (count: number): string => `${count} ${count === 1 ? 'row' : 'rows'}`;

function reportFile(output: Output, file: FileReport, { files, maxLength }: RowsReport): void {
  const { name, format, problems, problemCount, numbering, left, unused, unbordered, report, sample } = file;
  const read = `Read ${rowsOf(report.rows)}${files.length > 1 ? ` of ${name}` : ''}${FORMATS[format] ?? ` (${format})`}`;
  if (sample) {
    const mean = (sum: number): number => Math.round(sum / Math.max(1, sample.rows));
    output.line(
      `${read}, which are tokenized during the run: about ${mean(sample.tokens)} tokens per row, ${mean(sample.supervisedTokens)} supervised (from ${sample.rows} rows)`,
    );
  } else {
    // Texts for an encoder have no token to predict.
    const supervised = report.supervisedTokens > 0 ? `, ${report.supervisedTokens} supervised` : '';
    output.line(`${read}: ${report.tokens} tokens${supervised}`);
  }
  if (unbordered)
    output.line(
      `Warning: no line of ${name} ends a document as --documents says: it is read as one document`,
    );
  for (const { line, reason } of problems.slice(0, SHOWN))
    output.line(`  ${numbering} ${line} left out: ${reason}`);
  const more = problemCount - Math.min(SHOWN, problems.length);
  if (more > 0) output.line(`  and ${more} more`);
  for (const { name: list, rows } of left)
    output.line(`  ${rows} rows of "${list}" are left out: one list of a file is read`);
  const tell = (lines: readonly number[], what: string): void => {
    if (lines.length > 0) output.line(`  ${rowsOf(lines.length)} ${what} (${numbering}s ${some(lines)})`);
  };
  if (!sample) tell(report.cut, `longer than ${maxLength} tokens: cut`);
  else if (sample.cut.length > 0)
    output.line(
      `  ${sample.cut.length} of these ${sample.rows} rows are longer than ${maxLength} tokens: cut (${numbering}s ${some(sample.cut)})`,
    );
  tell(report.dropped, `longer than ${maxLength} tokens: left out`);
  tell(report.unsupervised, 'without a token to learn: left out');
  for (const { note, lines } of (sample ?? report).notes)
    output.line(`  ${note} (${numbering}s ${some(lines)})`);
  const idle = unused.filter(({ text }) => !text).map((column) => column.name);
  if (idle.length > 0) output.line(`  Columns not used: ${idle.join(', ')}`);
  for (const { name: column, rows } of unused.filter(({ text }) => text))
    output.line(
      `Warning: column "${column}" has text in ${rowsOf(rows)} and is not used; put it into a template as {{${column}}}`,
    );
}

function some(lines: readonly number[]): string {
  return `${lines.slice(0, SHOWN).join(', ')}${lines.length > SHOWN ? ', …' : ''}`;
}
