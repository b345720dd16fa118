/** Examples as rows of the list. */
import { documentEntry } from './document-entry.ts';
import type { Example } from './example.ts';
import { ROWS_FILE } from './parts.ts';
import type { RowMaker } from './prepare.ts';
import { hashesOf, identityOfHashes } from './row-hashes.ts';
import { isTextDocument, type Entry } from './row-set.ts';

/** A row that cannot be made. Its file is set when all files are put together. */
export const NOTHING = { file: ROWS_FILE, state: 'bad', length: 0, supervised: 0 } as const;

/** The rows that an example becomes: one, or those of a document. */
export function makeEntries(maker: RowMaker, example: Example): Entry[] {
  const before = maker.rows.length;
  const { state, length, supervised } = maker.add(example);
  const { line } = example;
  if (state === 'failed') return [{ ...NOTHING, line, example, reason: maker.report.failed.at(-1)?.reason }];
  if (isTextDocument(example)) {
    return maker.rows.slice(before).map((row) => documentEntry(maker, row));
  }
  const row = maker.rows.length > before ? maker.rows[before] : undefined;
  const entry = { file: ROWS_FILE, line, state, row, example, length, supervised };
  return [row ? { ...entry, identity: identityOfHashes(hashesOf(example)) } : entry];
}
