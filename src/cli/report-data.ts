/** Prints what was read from the files of a run, what was not, and what needs a look. */
import { NO_KNOWN_FIELDS } from '../data/collector.ts';
import type { LeftList, Numbering, Problem } from '../data/example.ts';
import { adviceOf, cutWords } from '../data/preference-lint.ts';
import type { PrepareReport } from '../data/prepare.ts';
import type { UnusedColumn } from '../data/unused.ts';
import { GraftError } from '../errors.ts';
import { percent } from '../numbers.ts';
import type { Output } from './output.ts';
import type { RowsTold } from './train-data.ts';

/** The report of one file. */
export interface FileReport {
  readonly name: string;
  readonly format: string;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly numbering: Numbering;
  readonly left: readonly LeftList[];
  readonly unused: readonly UnusedColumn[];
  readonly unbordered?: true;
  /** Of rows that are made as they are taken: their number, and what is known of those that had to be made before. */
  readonly report: PrepareReport;
  /** Some rows of such a file, spread evenly. */
  readonly sample?: PrepareReport;
}

const SHOWN = 5;

/** @throws GraftError `train-rows` if nothing is left to train on */
export function reportData(output: Output, told: RowsTold): void {
  for (const file of told.files) reportFile(output, file, told);
  const { rows, skipped, copies, capped, tasks, repeated, leaks, missing } = told;
  if (skipped > 0) output.line(`  ${rowsOf(skipped)} left out by --skip-rows`);
  for (const { name, line } of missing.slice(0, SHOWN))
    output.line(
      `Warning: --skip-rows names ${line} of ${name || 'a file that is not given'}, where no row begins`,
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
  const { preferences } = told;
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
  const isEmpty = told.files.every(
    ({ problemCount, report }) =>
      problemCount +
        report.failed.length +
        report.rows +
        report.unsupervised.length +
        report.dropped.length ===
      0,
  );
  const unknown = told.files.some(({ problems }) =>
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

function reportFile(output: Output, file: FileReport, { files, maxLength }: RowsTold): void {
  const { name, format, problems, problemCount, numbering, left, unused, unbordered, report, sample } = file;
  const read = `Read ${rowsOf(report.rows)}${files.length > 1 ? ` of ${name}` : ''}${FORMATS[format] ?? ` (${format})`}`;
  if (sample) {
    const mean = (sum: number): number => Math.round(sum / Math.max(1, sample.rows));
    output.line(
      `${read}, which are tokenized when the run takes them: about ${mean(sample.tokens)} tokens a row, ${mean(sample.supervisedTokens)} supervised (${sample.rows} rows were looked at)`,
    );
  } else output.line(`${read}: ${report.tokens} tokens, ${report.supervisedTokens} supervised`);
  if (unbordered)
    output.line(
      `Warning: no line of ${name} ends a document as --documents says: it is read as one document`,
    );
  const bad = [...problems, ...report.failed];
  for (const { line, reason } of bad.slice(0, SHOWN))
    output.line(`  ${numbering} ${line} left out: ${reason}`);
  const more = problemCount + report.failed.length - Math.min(SHOWN, bad.length);
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
