/** Whether training saw the measured rows: another split turns training rows into test rows. If that is unknown, nothing is claimed. */
import type { Example } from '../data/example.ts';
import { DistinctHashes, hashesOf, hashesOfTexts, type Hashes } from '../data/row-hashes.ts';
import { itemsOf, type List } from '../lists.ts';
import { plural } from '../numbers.ts';
import type { Side } from './sides.ts';
import type { Seen } from './record.ts';

/** A row as it is trained on or measured. */
export interface TaughtRow {
  readonly file: number;
  readonly line: number;
  /** Missing for a part of a document. */
  readonly example?: Example;
  readonly row: { readonly ids: readonly number[] };
  /** The hashes of its content, if they are known without reading it. */
  readonly hashes?: Hashes;
}

/** Whether a row is a part of a document. One whose hashes are known is an example, which need not be read. */
export const isPart = (row: Pick<TaughtRow, 'hashes' | 'example'>): boolean =>
  row.hashes === undefined && row.example === undefined;

/** Rows that were trained on, by hashes: 24 to 64 bytes each. */
export class SeenRows {
  readonly #contents = new DistinctHashes();
  readonly #lines = new DistinctHashes();
  #hasParts = false;

  /** @param sameFile whether its file is one of those that are measured: a row that changed there is the same row */
  add(row: TaughtRow, sameFile: boolean): void {
    this.#contents.add(contentOf(row));
    if (isPart(row)) this.#hasParts = true;
    else if (sameFile) this.#lines.add([row.line, row.file]);
  }

  /** Whether some are parts of documents. */
  get hasParts(): boolean {
    return this.#hasParts;
  }

  has(row: TaughtRow): boolean {
    if (this.#contents.find(contentOf(row)) !== undefined) return true;
    return !isPart(row) && this.#lines.find([row.line, row.file]) !== undefined;
  }
}

/**
 * Counts rows that were trained on: by what they teach, and by their line if they are of the same file.
 *
 * @param seen the rows of each stage of training
 * @param asked those of `test` that were asked
 */
export function countSeen(
  seen: readonly SeenRows[],
  test: List<TaughtRow>,
  asked: readonly TaughtRow[],
): Extract<Seen, object> {
  const isSeen = (row: TaughtRow): boolean => seen.some((rows) => rows.has(row));
  let count = 0;
  for (const row of itemsOf(test)) if (isSeen(row)) count++;
  return { asked: asked.filter(isSeen).length, test: count, of: test.length };
}

/** The content of a row, however it is cut. A field of a row that is read as it is asked for costs time. */
const contentOf = (row: TaughtRow): Hashes =>
  row.hashes ?? (row.example ? hashesOf(row.example) : hashesOfTexts(JSON.stringify(row.row.ids)));

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
