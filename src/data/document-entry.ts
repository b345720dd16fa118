/** The entry of a row of a text: of a document, or of several laid end to end. */
import { supervisedCount } from '../text/trainable.ts';
import { ROWS_FILE } from './parts.ts';
import type { PreparedRow, RowMaker } from './prepare.ts';
import type { Entry } from './row-set.ts';

/** Its file is set when all files are put together. @param maker that made the row */
export function documentEntry(maker: RowMaker, row: PreparedRow): Entry {
  const lines = maker.linesOf(row);
  return {
    file: ROWS_FILE,
    line: row.line,
    ...(lines && { lines }),
    state: 'ok',
    row,
    length: row.ids.length,
    supervised: supervisedCount(row),
  };
}
