/** How a text file is read before a person says otherwise. Loaded with the first file. */
import { BLANK, documentsOf, type TextOptions } from '../../data/documents.ts';
import { fileKind } from '../../data/file-kind.ts';
import type { DataFile } from '../../data/options.ts';

/** With a tenth for validation and a tenth for test, these give each of the two parts three rows. */
const ENOUGH = 30;
/** A token of a common tokenizer has about four bytes of English. */
const BYTES_OF_TOKEN = 4;

/**
 * A short text with many paragraphs ends a document at its blank lines: as one document it would have too few rows to hold some out. Any other file is
 * read as usual.
 *
 * @param maxLength tokens of a row
 * @returns undefined if the usual way is right
 */
export function usualText(
  { name, bytes }: Pick<DataFile, 'name' | 'bytes'>,
  maxLength: number,
): TextOptions | undefined {
  if (
    bytes instanceof Blob ||
    bytes.length >= ENOUGH * maxLength * BYTES_OF_TOKEN ||
    fileKind(bytes, name) !== 'text'
  )
    return undefined;
  // Bytes that are no UTF-8 are reported when the rows are read.
  const text = new TextDecoder().decode(bytes).replaceAll('\r\n', '\n');
  return documentsOf(text, BLANK).length >= ENOUGH ? { documents: BLANK } : undefined;
}
