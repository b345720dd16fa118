/** Makes the open rows with another tokenizer: that of a run or an adapter with new tokens. */
import type { Tokenizer } from '../text/tokenizer.ts';
import { longestSequence, supervisedCount } from '../text/trainable.ts';
import { RowMaker, type PreparedRow } from './prepare.ts';
import { isDocument, isUsedEntry, type Entry, type RowSet } from './row-set.ts';

/** Rows between two pauses for other work. */
const ROWS_AT_ONCE = 200;

/**
 * Makes each row again from its example, with the same limit and in the same part. Rows that are not one example stay unchanged: rows of a document,
 * and those of a run from storage.
 *
 * @param pause awaited after every few rows
 */
export async function madeAnew<Rows extends RowSet>(
  data: Rows,
  tokenizer: Tokenizer,
  vocabSize: number,
  pause: () => Promise<void>,
): Promise<Rows> {
  const { options } = data;
  if (!options) return data;
  const { maxLength, overlong } = options;
  const entries: Entry[] = [];
  for (const [at, entry] of data.entries.entries()) {
    if (at % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await pause();
    const row = anew(entry, (example) => {
      const maker = new RowMaker(tokenizer, { maxLength, overlong, vocabSize });
      maker.add(example);
      return maker.rows;
    });
    entries.push(
      row ? { ...entry, row, length: longestSequence(row), supervised: supervisedCount(row) } : entry,
    );
  }
  return { ...data, entries, places: entries.filter(isUsedEntry) };
}

/** Task and label are copied from the earlier row. */
function anew(
  { row, example }: Entry,
  make: (example: NonNullable<Entry['example']>) => readonly PreparedRow[],
): PreparedRow | undefined {
  if (!row || !example || isDocument(example)) return undefined;
  const [made] = make(example);
  if (!made) return undefined;
  const { cutAnswers: _, ...kept } = row;
  const { ids, labels, starts, cutAnswers } = made;
  return { ...kept, ids, labels, ...(starts && { starts }), ...(cutAnswers && { cutAnswers }) };
}
