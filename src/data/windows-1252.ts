/** Windows-1252, in which old programs of the West wrote their files: https://encoding.spec.whatwg.org/#windows-1252. Latin-1 is a part of it. */

/** Its name as `TextDecoder.encoding` has it. */
export const WINDOWS_1252 = 'windows-1252';

/** The characters of the bytes 0x80 to 0x9F; those that have none keep their number. */
const UPPER =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';
const FIRST_UPPER = 0x80;

/** Node 20.18.3 to 20.20 and some later versions give these bytes their own numbers: https://github.com/nodejs/node/issues/56542 */
export const decodeWindows1252 = (bytes: Uint8Array): string =>
  new TextDecoder(WINDOWS_1252)
    .decode(bytes)
    .replaceAll(/[\x80-\x9f]/g, (char) => UPPER[char.charCodeAt(0) - FIRST_UPPER]);

const DELETE = 0x7f;
const SPACE = 0x20;
/** Tab, line feed, form feed and carriage return: the control characters that a text has. */
const WHITE = new Set([0x09, 0x0a, 0x0c, 0x0d]);
const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
/** Bytes without a character. */
const UNUSED = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);
const REPLACED = '\ufffd';

/**
 * Whether bytes that are not UTF-8 are a text in Windows-1252: they have no control characters but white space and no byte without a character, most of their
 * letters are those of English (an alphabet such as the Cyrillic one has nearly none), and they are no UTF-8 with some damage.
 */
export function looksLikeWindows1252(bytes: Uint8Array): boolean {
  let [plain, upper] = [0, 0];
  for (const byte of bytes) {
    if ((byte < SPACE && !WHITE.has(byte)) || byte === DELETE || UNUSED.has(byte)) return false;
    if (byte >= FIRST_UPPER) upper++;
    else if (isLetter(byte)) plain++;
  }
  return upper <= plain && !isDamagedUtf8(bytes);
}

/** Whether more characters outside of ASCII are whole in UTF-8 than broken. */
function isDamagedUtf8(bytes: Uint8Array): boolean {
  let [whole, broken] = [0, 0];
  for (const [char] of new TextDecoder().decode(bytes).matchAll(/\P{ASCII}/gu))
    if (char === REPLACED) broken++;
    else whole++;
  return whole > broken;
}
