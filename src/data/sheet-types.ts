/** The first rows of a file as the page gets them. The reader is in another file, which the page does not load. */
import type { JsonObject } from '../json.ts';
import type { Numbering } from './example.ts';
import type { Bytes } from './lines.ts';
import type { Mapping } from './mapping.ts';
import { isParquet } from './parquet-magic.ts';

/** The bytes of a file that are read: enough for the first rows of any. */
export const SHEET_HEAD_BYTES = 2 ** 20;

/** How much of a file is looked at for its first rows. A Parquet file says at its end where they are. */
export const headLength = (content: Bytes): number =>
  isParquet(content) ? content.length : Math.min(SHEET_HEAD_BYTES, content.length);

/** The bytes that {@link headLength} counts: all of a Parquet file, which is not read yet, the first {@link SHEET_HEAD_BYTES} of others. */
export const headOf = (content: Bytes): Bytes =>
  isParquet(content) ? content : content.subarray(0, headLength(content));

export interface SheetRow {
  readonly line: number;
  readonly numbering: Numbering;
  readonly row: JsonObject;
}

export interface Sheet {
  readonly kind: 'table' | 'json';
  /** Whether the first row of a table names the columns, and the character between cells. */
  readonly header?: boolean;
  readonly delimiter?: string;
  readonly columns: readonly string[];
  /** The columns that hold text in these rows, or have a name that is common for prompts or answers. */
  readonly texts: readonly string[];
  /** The first good rows, three of them if there are. */
  readonly rows: readonly SheetRow[];
  /** The known format of the columns; such a file needs no mapping. */
  readonly format?: string;
  /** The mapping that the names of the columns suggest. */
  readonly suggestion?: Mapping;
}
