/** The text of a data file: UTF-8 or UTF-16, with or without a byte order mark; anything else is an error that says what to do. */
import { GraftError } from '../errors.ts';

/** Bytes that are looked at to tell UTF-16 without a mark. */
const HEAD_BYTES = 512;

/**
 * The encoding that a file's bytes show. UTF-16 without a mark is known by its zero bytes: text has none in UTF-8, and in UTF-16 every
 * second byte of Latin text is one.
 */
export function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [a, b] = bytes;
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  const head = bytes.subarray(0, Math.min(HEAD_BYTES, bytes.length & ~1));
  const zeros = [0, 0];
  head.forEach((byte, i) => {
    if (byte === 0) zeros[i & 1]++;
  });
  const most = head.length / 4;
  if (head.length >= 4 && zeros[1] > most && zeros[0] === 0) return 'utf-16le';
  if (head.length >= 4 && zeros[0] > most && zeros[1] === 0) return 'utf-16be';
  return 'utf-8';
}

/**
 * The whole of a file as text, without its byte order mark.
 * @throws GraftError `data-encoding`, with the line where it stops being text
 */
export function decodeFile(bytes: Uint8Array, fileName: string): string {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const name = encoding === 'utf-8' ? 'UTF-8' : 'UTF-16';
    const line = encoding === 'utf-8' ? `, line ${firstBadLine(bytes)},` : '';
    throw new GraftError(
      'data-encoding',
      `${fileName}${line} is not valid ${name}.`,
      'Save it as UTF-8 (spreadsheets call it “CSV UTF-8”) and open it again.',
      { cause },
    );
  }
}

/** The line of the first byte that is not UTF-8: found by lines, since a line's end is never inside a character. */
function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const newLine = bytes.indexOf(0x0a, start);
    const end = newLine < 0 ? bytes.length : newLine;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}
