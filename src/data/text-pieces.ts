/** A text that is read in pieces: a string, or a file of UTF-8 of which no more than a piece is decoded at once. Places are characters, or bytes. */
import { firstBadLine, invalidText } from './encoding.ts';
import type { Bytes, Content } from './lines.ts';

export type NewLine = '\n' | '\r';

interface TextPieces {
  readonly length: number;
  /** From a place at most so much, or a whole character. @throws GraftError `data-encoding` */
  read(start: number, size: number): string;
  /** How much of the file a part of the last piece is. */
  lengthOf(text: string): number;
  /** The place after the next line end; undefined if there is none. */
  lineAfter(from: number, newline: NewLine): number | undefined;
}

/** @throws GraftError `data-encoding` as it is read, with the line where it stops being text */
export const piecesOf = (content: Content, fileName: string): TextPieces =>
  typeof content === 'string' ? new StringPieces(content) : new BytePieces(content, fileName);

/** How lines end; those of Windows with both. */
export const newLineOf = (pieces: TextPieces): NewLine =>
  pieces.lineAfter(0, '\n') === undefined ? '\r' : '\n';

class StringPieces implements TextPieces {
  constructor(private readonly text: string) {}

  get length(): number {
    return this.text.length;
  }

  read(start: number, size: number): string {
    return this.text.slice(start, start + size);
  }

  lengthOf(text: string): number {
    return text.length;
  }

  lineAfter(from: number, newline: NewLine): number | undefined {
    const at = this.text.indexOf(newline, from);
    return at < 0 ? undefined : at + 1;
  }
}

/** Bytes that are searched at once for a line end. */
const SEARCHED_BYTES = 4 * 2 ** 20;
/** The most bytes of a character. */
const CHARACTER_BYTES = 4;

class BytePieces implements TextPieces {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** Whether every character of the last piece is a byte. */
  #isAscii = true;

  constructor(
    private readonly bytes: Bytes,
    private readonly fileName: string,
  ) {}

  get length(): number {
    return this.bytes.length;
  }

  read(start: number, size: number): string {
    const { length } = this.bytes;
    const bytes = this.bytes.subarray(start, Math.min(length, start + Math.max(size, CHARACTER_BYTES)));
    const whole = start + bytes.length < length ? bytes.subarray(0, endOfCharacters(bytes)) : bytes;
    try {
      const text = this.#decoder.decode(whole);
      this.#isAscii = text.length === whole.length;
      return text;
    } catch (cause) {
      throw invalidText(this.fileName, firstBadLine(this.bytes), cause);
    }
  }

  lengthOf(text: string): number {
    return this.#isAscii ? text.length : utf8Length(text);
  }

  lineAfter(from: number, newline: NewLine): number | undefined {
    const { length } = this.bytes;
    for (let at = from; at < length; at += SEARCHED_BYTES) {
      const bytes = this.bytes.subarray(at, Math.min(length, at + SEARCHED_BYTES));
      const found = bytes.indexOf(newline.charCodeAt(0));
      if (found >= 0) return at + found + 1;
    }
    return undefined;
  }
}

/** Where the last whole character ends. */
function endOfCharacters(bytes: Uint8Array): number {
  let start = bytes.length - 1;
  // Bytes after the first of a character are 10xxxxxx.
  while (start > 0 && bytes.length - start < CHARACTER_BYTES && (bytes[start] & 0xc0) === 0x80) start--;
  const first = bytes[start];
  const size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return start + size <= bytes.length ? bytes.length : start;
}

/** Bytes of a text in UTF-8. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Each half of a character of four bytes is two of them.
    if (unit >= 0x80) length += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return length;
}
