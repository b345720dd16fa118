/** Files of JSON: a row a line, or a list of rows. */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { objectOf } from './collector.ts';
import { decodeFile } from './encoding.ts';
import { BadRow } from './formats/row.ts';
import { jsonRows } from './json-rows.ts';
import { linesOf, type Bytes, type Content, type Line } from './lines.ts';
import type { FileRow, RowSource } from './row-source.ts';

/** JSON is decoded as a whole; engines hold strings of about twice this. Files with a row a line have no such limit. */
const MAX_WHOLE_FILE_BYTES = 256 * 2 ** 20;

/** A row of JSONL. A class, since a million closures and copies of objects take seconds. */
class JsonLine implements FileRow {
  readonly numbering = 'line';

  constructor(
    readonly line: number,
    readonly text: string,
    readonly start: number,
    readonly length: number,
    readonly end: number,
    private readonly problem: string | undefined,
  ) {}

  read(): JsonObject {
    if (this.problem !== undefined) throw new BadRow(this.problem);
    return objectOf(this.text);
  }
}

/** The row on a line of JSONL; undefined for a blank one. */
export const rowOnLine = ({ number, text, problem, start, length, end }: Line): FileRow | undefined =>
  problem !== undefined || text.trim() !== ''
    ? new JsonLine(number, text, start, length, end, problem)
    : undefined;

export const jsonl: RowSource = {
  label: 'JSONL',
  *rows(content) {
    for (const line of linesOf(content)) {
      const row = rowOnLine(line);
      if (row) yield row;
    }
    return [];
  },
};

export const json: RowSource = {
  label: 'JSON',
  *rows(content, fileName) {
    const rows = jsonRows(wholeText(content, fileName), fileName);
    for (;;) {
      const { done, value } = rows.next();
      if (done) return value;
      yield { ...value, read: () => objectOf(value.text) };
    }
  },
};

/** A file as one text. @throws GraftError `data-too-large`, `data-encoding` */
export function wholeText(content: Content, fileName: string): string {
  if (content.length > MAX_WHOLE_FILE_BYTES)
    throw tooLarge(
      fileName,
      content.length,
      MAX_WHOLE_FILE_BYTES,
      'Save it as JSONL, one row a line: that has no limit.',
    );
  return typeof content === 'string' ? content : decodeFile(wholeOf(content), fileName);
}

export function tooLarge(fileName: string, size: number, limit: number, remedy: string): GraftError {
  return new GraftError(
    'data-too-large',
    `${fileName} has ${size} bytes; at most ${limit} are read.`,
    remedy,
  );
}

export const wholeOf = (bytes: Bytes): Uint8Array => bytes.subarray(0, bytes.length);
