/** The lines of a file, one at a time, without a copy of the whole. */
import { messageOf } from '../errors.ts';

/** A longer line is no example: no model that fits in a browser reads a million tokens. */
export const MAX_LINE_BYTES = 16 * 2 ** 20;

/** Bytes that are read at once, of a file that is not in memory. */
const WINDOW_BYTES = 4 * 2 ** 20;

/** Bytes that are searched at once for the first line of a section: most lines are shorter. */
const LOOKED_AT_BYTES = 2 ** 15;

const NEW_LINE = 0x0a;
const RETURN = 0x0d;

/** The bytes of a file: in memory, or read as they are asked for. */
export interface Bytes {
  readonly length: number;
  subarray(start: number, end?: number): Uint8Array;
}

/** What a file is read from: bytes, or a text that was decoded or typed. */
export type Content = Bytes | string;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end. */
  readonly text: string;
  /** Why the text cannot be read; `text` is then ''. */
  readonly problem: string | undefined;
  /** Whether it is text, if it was decoded. */
  readonly isText: boolean;
  /** The first byte, or character. */
  readonly start: number;
  /** Bytes, or characters, without its end. */
  readonly length: number;
  /** Bytes, or characters, up to the next line. */
  readonly end: number;
}

const tooLong = (length: number, unit: string): string =>
  `the line has ${length} ${unit}; at most ${MAX_LINE_BYTES} are read`;

/** The text of a line, or why it has none. */
function decoded(decoder: TextDecoder, bytes: Uint8Array): Pick<Line, 'text' | 'problem' | 'isText'> {
  try {
    return { text: decoder.decode(bytes), problem: undefined, isText: true };
  } catch (error) {
    return { text: '', problem: `the line is not valid UTF-8 (${messageOf(error)})`, isText: false };
  }
}

export const utf8 = (): TextDecoder => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A part of a file: the lines that start in it. */
export interface Section {
  readonly start: number;
  readonly end: number;
}

/** The lines of a section, with numbers from 1 for its first. */
export function* linesIn(bytes: Bytes, section: Section): Generator<Line> {
  const decoder = utf8();
  let number = 0;
  /** The bytes from `from` on. */
  let from = firstLineIn(bytes, section);
  let window = bytes.subarray(from, Math.min(bytes.length, from + WINDOW_BYTES));
  for (let start = from; start < section.end;) {
    let newLine = window.indexOf(NEW_LINE, start - from);
    if (newLine < 0 && from + window.length < bytes.length) {
      // The rest of a line that is read is at most one window of the longest line; of a longer one only the end is searched for.
      from = start;
      window = bytes.subarray(from, Math.min(bytes.length, from + WINDOW_BYTES));
      newLine = window.indexOf(NEW_LINE);
      if (newLine < 0) {
        window = bytes.subarray(from, Math.min(bytes.length, from + MAX_LINE_BYTES + WINDOW_BYTES));
        newLine = window.indexOf(NEW_LINE);
      }
    }
    let next = newLine < 0 ? from + window.length : from + newLine;
    if (newLine < 0 && next < bytes.length) next = endOfLine(bytes, next);
    const last = next > start ? (window.at(next - 1 - from) ?? bytes.subarray(next - 1, next)[0]) : undefined;
    const end = last === RETURN ? next - 1 : next;
    number++;
    const length = end - start;
    const { text, problem, isText } =
      length > MAX_LINE_BYTES
        ? { text: '', problem: tooLong(length, 'bytes'), isText: true }
        : decoded(decoder, window.subarray(start - from, end - from));
    yield { number, text, problem, isText, start, length, end: next + 1 };
    start = next + 1;
  }
}

/** The start of the first line that starts in a section; the section's end if none does. */
function firstLineIn(bytes: Bytes, { start, end }: Section): number {
  if (start === 0) return 0;
  for (let at = start - 1; at < end - 1; at += LOOKED_AT_BYTES) {
    const found = bytes.subarray(at, Math.min(end - 1, at + LOOKED_AT_BYTES)).indexOf(NEW_LINE);
    if (found >= 0) return at + found + 1;
  }
  return end;
}

/** The next end of a line, or of the file. */
function endOfLine(bytes: Bytes, from: number): number {
  for (let at = from; at < bytes.length; at += WINDOW_BYTES) {
    const found = bytes.subarray(at, Math.min(bytes.length, at + WINDOW_BYTES)).indexOf(NEW_LINE);
    if (found >= 0) return at + found;
  }
  return bytes.length;
}

function* textLines(text: string): Generator<Line> {
  let number = 0;
  for (let start = 0; start < text.length;) {
    const newLine = text.indexOf('\n', start);
    const next = newLine < 0 ? text.length : newLine;
    const end = next > start && text.charCodeAt(next - 1) === RETURN ? next - 1 : next;
    number++;
    const length = end - start;
    const isTooLong = length > MAX_LINE_BYTES;
    yield {
      number,
      text: isTooLong ? '' : text.slice(start, end),
      problem: isTooLong ? tooLong(length, 'characters') : undefined,
      isText: true,
      start,
      length,
      end: next + 1,
    };
    start = next + 1;
  }
}

/** Ends are LF or CR LF. A byte order mark is the caller's. */
export function linesOf(content: Content): Generator<Line> {
  return typeof content === 'string'
    ? textLines(content)
    : linesIn(content, { start: 0, end: content.length });
}
