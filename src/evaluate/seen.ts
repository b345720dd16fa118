/** Whether training saw the measured rows: another split turns training rows into test rows. If that is unknown, nothing is claimed. */
import type { Example } from '../data/example.ts';
import { identityOf } from '../data/statistics.ts';
import { plural } from '../numbers.ts';
import type { Side } from './sides.ts';
import type { Seen } from './record.ts';

/** A row as it is trained on or measured. */
interface TaughtRow {
  readonly file: number;
  readonly line: number;
  /** Missing for a part of a document. */
  readonly example?: Example;
  readonly row: { readonly ids: readonly number[] };
}

/**
 * Counts rows that were trained on: by what they teach, and by their line if they are of the same file.
 *
 * @param asked those of `test` that were asked
 */
export function countSeen(
  train: readonly TaughtRow[],
  test: readonly TaughtRow[],
  asked: readonly TaughtRow[],
  sameFile: boolean,
): Extract<Seen, object> {
  const names = new Set(train.map(nameOf));
  const lines = new Set(sameFile ? train.filter(({ example }) => example).map(lineOf) : []);
  const isSeen = (row: TaughtRow): boolean =>
    names.has(nameOf(row)) || (row.example !== undefined && lines.has(lineOf(row)));
  return { asked: asked.filter(isSeen).length, test: test.filter(isSeen).length, of: test.length };
}

const lineOf = ({ file, line }: TaughtRow): string => `${file}:${line}`;

/** The content of a row, however it is cut. */
const nameOf = ({ example, row }: TaughtRow): string =>
  example ? identityOf(example) : JSON.stringify(row.ids);

const UNKNOWN: Readonly<Record<Extract<Seen, string>, string>> = {
  imported: 'The adapter was imported: whether its training saw these rows is not known here.',
  before: 'Its training did not keep how the rows were split: whether training saw these rows is not known.',
  folder:
    'Whether the training of the adapter saw these rows is not known here: it did not if it had the same data and the same split.',
  rows: 'Its training rows are no longer kept, or they are prepared differently now: whether training saw these rows is not known.',
};

/** Whether the rows were certainly held out of training. */
export function isHeldOut({ subject: { adapter, seen } }: Pick<Side, 'subject'>): boolean {
  if (!adapter) return true;
  return typeof seen === 'object' && seen.test === 0;
}

/** The caveat; '' if the rows were held out. */
export function caveatOf(side: Pick<Side, 'subject' | 'record'>): string {
  const { seen } = side.subject;
  const rows = side.record.items;
  if (isHeldOut(side)) return '';
  if (seen === undefined) return 'Whether training saw these rows was not checked: measure again to know.';
  if (typeof seen === 'string') return UNKNOWN[seen];
  return (
    `Training saw ${seen.asked} of the ${rows.length} rows that were asked, and ${seen.test} of the ${plural(seen.of, 'test row')}: ` +
    'the split was another one then, or rows are there more than once. That flatters the adapter.'
  );
}
