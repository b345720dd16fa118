/** The text of a file: UTF-8 or UTF-16, with or without a byte order mark, or what a web page declares; anything else is an error that says what it is and what to do. */
import { GraftError } from '../errors.ts';
import { linesOf, type Bytes } from './lines.ts';
import { decodeWindows1252, looksLikeWindows1252, WINDOWS_1252 } from './windows-1252.ts';

/** Bytes that are examined to recognise what a file is. */
export const HEAD_BYTES = 512;

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
  const max = head.length / 4;
  if (head.length >= 4 && zeros[1] > max && zeros[0] === 0) return 'utf-16le';
  if (head.length >= 4 && zeros[0] > max && zeros[1] === 0) return 'utf-16be';
  return 'utf-8';
}

const UNPACK = 'Unpack it, and open the file that is inside.';
const SAVE_AS = 'Save it as CSV, JSON or JSONL in the program that made it, and open that file.';

/** First bytes of common files that are not text. */
const MAGIC: readonly { readonly start: string; readonly what: string; readonly remedy: string }[] = [
  { start: '\x1f\x8b', what: 'compressed with gzip', remedy: UNPACK },
  { start: 'BZh', what: 'compressed with bzip2', remedy: UNPACK },
  { start: '\xfd7zXZ\0', what: 'compressed with xz', remedy: UNPACK },
  { start: '\x28\xb5\x2f\xfd', what: 'compressed with zstd', remedy: UNPACK },
  { start: "7z\xbc\xaf'\x1c", what: 'a 7-Zip archive', remedy: UNPACK },
  {
    start: 'PK\x03\x04',
    what: 'a zip archive, like a spreadsheet',
    remedy: `${UNPACK} Save a spreadsheet as CSV.`,
  },
  { start: 'ARROW1', what: 'an Arrow file', remedy: SAVE_AS },
  { start: 'SQLite format 3', what: 'an SQLite database', remedy: SAVE_AS },
  { start: '%PDF-', what: 'a PDF', remedy: 'Copy its text into a .txt file, and open that.' },
  { start: '\xd0\xcf\x11\xe0', what: 'an old Office file', remedy: SAVE_AS },
  { start: 'GGUF', what: 'a model and not examples', remedy: 'Models are added under Task.' },
];

/**
 * Refuses a file that is not text, before it is read as thousands of bad lines: by its first bytes, or by a zero byte near the start,
 * which UTF-8 text does not have.
 *
 * @param saveAs what to do with a file that a program has to write in another form
 * @throws GraftError `data-binary`
 */
export function refuseBinary(bytes: Uint8Array, fileName: string, saveAs = SAVE_AS): void {
  const head = bytes.subarray(0, HEAD_BYTES);
  const known = MAGIC.find(({ start }) => [...start].every((char, i) => head[i] === char.charCodeAt(0)));
  if (known)
    throw new GraftError(
      'data-binary',
      `${fileName} is ${known.what}, not text.`,
      known.remedy === SAVE_AS ? saveAs : known.remedy,
    );
  if (encodingOf(bytes) === 'utf-8' && head.includes(0))
    throw new GraftError('data-binary', `${fileName} is not a text file.`, saveAs);
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
    throw invalidText(fileName, encoding === 'utf-8' ? firstBadLine(bytes) : undefined, cause);
  }
}

/** @param line the first that is not UTF-8; none for UTF-16 */
export function invalidText(fileName: string, line: number | undefined, cause: unknown): GraftError {
  const where = line === undefined ? '' : `, line ${line},`;
  return new GraftError(
    'data-encoding',
    `${fileName}${where} is not valid ${line === undefined ? 'UTF-16' : 'UTF-8'}.`,
    'Save it as UTF-8 (spreadsheets call it “CSV UTF-8”) and open it again.',
    { cause },
  );
}

/** Bytes in which a page says how it is encoded: https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding */
const PRESCAN_BYTES = 1024;

/** What XHTML declares in its first line, and what a page declares in a meta element. */
const DECLARATIONS = [
  /^\s*<\?xml\s[^>]*encoding\s*=\s*["']([\w-]+)/i,
  /<meta[^>]+charset\s*=\s*["']?([\w-]+)/i,
];
const UTF8_MARK = [0xef, 0xbb, 0xbf];

/**
 * The encoding of a web page by its own words, which old ones and spreadsheets have; undefined for one that is read as other text. A byte order mark is
 * stronger, as in browsers.
 */
export function declaredEncoding(bytes: Uint8Array): string | undefined {
  if (encodingOf(bytes) !== 'utf-8' || UTF8_MARK.every((byte, i) => bytes[i] === byte)) return undefined;
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, PRESCAN_BYTES));
  return DECLARATIONS.map((declaration) => declaration.exec(head)?.[1].toLowerCase()).find(isOtherEncoding);
}

/** Whether it names an encoding that is read otherwise than UTF-8. Words in ASCII cannot say that they are UTF-16, and are read as UTF-8 then. */
function isOtherEncoding(label: string | undefined): label is string {
  try {
    return label !== undefined && !new TextDecoder(label).encoding.startsWith('utf-');
  } catch {
    return false; // browsers do not know it either
  }
}

/**
 * The whole of a web page as text.
 * @throws GraftError `data-encoding`
 */
export function decodePage(bytes: Uint8Array, fileName: string): string {
  const label = declaredEncoding(bytes);
  if (label === undefined) return decodeFile(bytes, fileName);
  try {
    const decoder = new TextDecoder(label, { fatal: true });
    return decoder.encoding === WINDOWS_1252 ? decodeWindows1252(bytes) : decoder.decode(bytes);
  } catch (cause) {
    throw new GraftError(
      'data-encoding',
      `${fileName} is not valid ${label}, which it says that it is.`,
      'Save it as UTF-8.',
      { cause },
    );
  }
}

/** The text of a document. */
export interface DecodedDocument {
  readonly text: string;
  /** The encoding that was guessed; missing if the file itself shows it. */
  readonly guessed?: typeof WINDOWS_1252;
}

/**
 * The whole of a document as text. Old ones are in the encoding of their time and do not say so: what is not UTF-8 and looks like Windows-1252 (and Latin-1,
 * which is a part of it) is read as that.
 *
 * @throws GraftError `data-encoding`
 */
export function decodeDocument(bytes: Uint8Array, fileName: string): DecodedDocument {
  try {
    return { text: decodeFile(bytes, fileName) };
  } catch (error) {
    if (encodingOf(bytes) !== 'utf-8' || !looksLikeWindows1252(bytes))
      throw error instanceof GraftError
        ? new GraftError(error.code, error.what, 'Save it as UTF-8, and add it again.', { cause: error })
        : error;
    return { text: decodeWindows1252(bytes), guessed: WINDOWS_1252 };
  }
}

/** A web page as a document: in the encoding that it declares, or as {@link decodeDocument}. @throws GraftError `data-encoding` */
export const decodePageDocument = (bytes: Uint8Array, fileName: string): DecodedDocument =>
  declaredEncoding(bytes) === undefined
    ? decodeDocument(bytes, fileName)
    : { text: decodePage(bytes, fileName) };

/** The line of the first byte that is not UTF-8: searched line by line, since a line end is never inside a character. */
export function firstBadLine(bytes: Bytes): number {
  for (const { number, isText } of linesOf(bytes)) if (!isText) return number;
  return 1;
}
