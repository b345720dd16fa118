/** Kinds of files whose rows are objects. One file each; a new kind is a new file and its line in `row-sources.ts`. */
import type { JsonObject } from '../json.ts';
import type { LeftList, Numbering } from './example.ts';
import type { Content } from './lines.ts';

/** One row of such a file. */
export interface FileRow {
  readonly line: number;
  readonly numbering: Numbering;
  /** The row. @throws BadRow for one that cannot be read */
  read(): JsonObject;
  /** Its text, and where it starts and how long it is, in bytes or characters: missing in a file of which no part is a row. */
  readonly text?: string;
  readonly start?: number;
  readonly length?: number;
  /** Bytes or characters of the file up to here. */
  readonly end: number;
}

/** The rows of a file, and at the end its lists that are not read. */
type FileRows = Generator<FileRow, readonly LeftList[]>;

export interface RowSource {
  /** What people call it. */
  readonly label: string;
  /** @throws GraftError for a file that is none of this kind */
  readonly rows: (content: Content, fileName: string) => FileRows;
}
