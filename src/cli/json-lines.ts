/** Rows of a JSON Lines file that a person wrote. */
import { linesOf } from '../data/lines.ts';
import { GraftError } from '../errors.ts';
import { isObject, parseWritten, type JsonObject } from '../json.ts';
import { openBytes } from './files.ts';

interface RowRule<Row> {
  /** The code of the error for a line that is not such a row. */
  readonly code: string;
  readonly remedy: string;
  /** @param fault makes the error that says what is wrong with this line, as in "has no text" @param number of the line, from 1 */
  readonly read: (row: JsonObject, fault: (what: string) => GraftError, number: number) => Row;
}

/**
 * Reads every line that is not empty.
 *
 * @throws GraftError the rule's code, naming the line; `json-…`, `file-missing`
 */
export async function readRows<Row>(path: string, { code, remedy, read }: RowRule<Row>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { number, text, problem } of linesOf(await openBytes(path))) {
    if (problem === undefined && text.trim() === '') continue;
    const where = `Line ${number} of ${path}`;
    const fault = (what: string): GraftError => new GraftError(code, `${where} ${what}.`, remedy);
    if (problem !== undefined) throw fault(`cannot be read: ${problem}`);
    // Only the first line may have a byte order mark.
    const row = parseWritten(number === 1 ? text.replace(/^\ufeff/, '') : text, where);
    if (!isObject(row)) throw fault('is not an object');
    rows.push(read(row, fault, number));
  }
  return rows;
}
