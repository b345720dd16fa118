/** Rows of a JSON Lines file that a person wrote. */
import { writtenRows, type RowRule } from '../data/written-rows.ts';
import { openBytes } from './files.ts';

/**
 * Reads every line that is not empty.
 *
 * @throws GraftError as `writtenRows`; `file-missing`
 */
export async function readJsonLines<Row>(path: string, rule: RowRule<Row>): Promise<Row[]> {
  return writtenRows(await openBytes(path), path, rule);
}
