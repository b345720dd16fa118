/** Rows of JSON Lines that a person or a program wrote by a fixed form: a line of another form is an error, not a row to leave out. */
import { GraftError } from '../errors.ts';
import { isObject, parseWritten, type JsonObject } from '../json.ts';
import { linesOf, type Content } from './lines.ts';

export interface RowRule<Row> {
  /** The code of the error for a line that is not such a row. */
  readonly code: string;
  readonly remedy: string;
  /** @param fault makes the error that says what is wrong with this line, as in "has no text" @param number of the line, from 1 */
  readonly read: (row: JsonObject, fault: (what: string) => GraftError, number: number) => Row;
  /** Takes a line that is no whole JSON, as a program leaves it that stops while it writes; without it such a line is an error. */
  readonly broken?: (number: number, error: GraftError) => void;
}

/**
 * Reads every line that is not empty.
 *
 * @param name of the file, for errors
 * @throws GraftError the rule's code, naming the line; `json-…`
 */
export function writtenRows<Row>(
  content: Content,
  name: string,
  { code, remedy, read, broken }: RowRule<Row>,
): Row[] {
  const rows: Row[] = [];
  for (const { number, text, problem } of linesOf(content)) {
    if (problem === undefined && text.trim() === '') continue;
    const where = `Line ${number} of ${name}`;
    const fault = (what: string): GraftError => new GraftError(code, `${where} ${what}.`, remedy);
    let row: unknown;
    try {
      if (problem !== undefined) throw fault(`cannot be read: ${problem}`);
      // Only the first line may have a byte order mark.
      row = parseWritten(number === 1 ? text.replace(/^\ufeff/, '') : text, where);
    } catch (error) {
      if (!broken || !(error instanceof GraftError)) throw error;
      broken(number, error);
      continue;
    }
    if (!isObject(row)) throw fault('is not an object');
    rows.push(read(row, fault, number));
  }
  return rows;
}
