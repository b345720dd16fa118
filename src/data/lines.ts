/** The lines of a file, one at a time, without a copy of the whole. */
import { messageOf } from '../errors.ts';

/** A longer line is no example: no model that fits in a browser reads a million tokens. */
export const MAX_LINE_BYTES = 16 * 2 ** 20;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end. */
  readonly text: string;
  /** Why the text cannot be read; `text` is then ''. */
  readonly problem?: string;
  /** Bytes, or characters, up to the next line. */
  readonly end: number;
}

function* byteLines(bytes: Uint8Array): Generator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    const newLine = bytes.indexOf(0x0a, start);
    const next = newLine < 0 ? bytes.length : newLine;
    const end = next > start && bytes[next - 1] === 0x0d ? next - 1 : next;
    number++;
    if (end - start > MAX_LINE_BYTES) {
      yield {
        number,
        end: next + 1,
        text: '',
        problem: `the line has ${end - start} bytes; at most ${MAX_LINE_BYTES} are read`,
      };
    } else {
      let line: Line;
      try {
        line = { number, end: next + 1, text: decoder.decode(bytes.subarray(start, end)) };
      } catch (error) {
        line = {
          number,
          end: next + 1,
          text: '',
          problem: `the line is not valid UTF-8 (${messageOf(error)})`,
        };
      }
      yield line;
    }
    start = next + 1;
  }
}

function* textLines(text: string): Generator<Line> {
  let number = 0;
  for (let start = 0; start < text.length;) {
    const newLine = text.indexOf('\n', start);
    const next = newLine < 0 ? text.length : newLine;
    const end = next > start && text.charCodeAt(next - 1) === 0x0d ? next - 1 : next;
    number++;
    if (end - start > MAX_LINE_BYTES) {
      yield {
        number,
        end: next + 1,
        text: '',
        problem: `the line has ${end - start} characters; at most ${MAX_LINE_BYTES} are read`,
      };
    } else yield { number, end: next + 1, text: text.slice(start, end) };
    start = next + 1;
  }
}

/** Ends are LF or CR LF. A byte order mark is the caller's. */
export function linesOf(content: Uint8Array | string): Generator<Line> {
  return typeof content === 'string' ? textLines(content) : byteLines(content);
}
