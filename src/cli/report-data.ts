import type { LeftList, Numbering, Problem } from '../data/example.ts';
import type { PrepareReport } from '../data/prepare.ts';
import { GraftError } from '../errors.ts';
import type { Output } from './output.ts';

export interface DataReport {
  readonly format: string;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly numbering: Numbering;
  readonly left: readonly LeftList[];
  readonly report: PrepareReport;
  readonly maxLength: number;
}

const SHOWN = 5;

/** Says what was read and what was not. @throws GraftError `train-rows` if nothing is left to train on */
export function reportData(
  output: Output,
  { format, problems, problemCount, numbering, left, report, maxLength }: DataReport,
): void {
  output.line(
    `Read ${report.rows} rows (${format}): ${report.tokens} tokens, ${report.supervisedTokens} supervised`,
  );
  const bad = [...problems, ...report.failed];
  for (const { line, reason } of bad.slice(0, SHOWN))
    output.line(`  ${numbering} ${line} left out: ${reason}`);
  const more = problemCount + report.failed.length - Math.min(SHOWN, bad.length);
  if (more > 0) output.line(`  and ${more} more`);
  for (const { name, rows } of left)
    output.line(`  ${rows} rows of "${name}" are left out: one list of a file is read`);
  if (report.cut.length > 0)
    output.line(
      `  ${report.cut.length} rows were longer than ${maxLength} tokens and were cut (${numbering}s ${some(report.cut)})`,
    );
  if (report.dropped.length > 0)
    output.line(
      `  ${report.dropped.length} rows were longer than ${maxLength} tokens and were dropped (${numbering}s ${some(report.dropped)})`,
    );
  if (report.unsupervised.length > 0)
    output.line(
      `  ${report.unsupervised.length} rows have no supervised token left and are not trained (${numbering}s ${some(report.unsupervised)})`,
    );
  for (const { note, lines } of report.notes) output.line(`  ${note} (${numbering}s ${some(lines)})`);
  if (report.rows === 0)
    throw new GraftError(
      'train-rows',
      bad.length > 0 || report.unsupervised.length > 0 || report.dropped.length > 0
        ? 'No row is left to train on.'
        : 'The data has no rows.',
      'Look at what is said above.',
    );
}

function some(lines: readonly number[]): string {
  return `${lines.slice(0, SHOWN).join(', ')}${lines.length > SHOWN ? ', …' : ''}`;
}
