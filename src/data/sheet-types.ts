/** The first rows of a file as the page gets them: apart from what reads them, which the page does not load. */
import type { JsonObject } from '../json.ts';
import type { Numbering } from './example.ts';
import type { Mapping } from './mapping.ts';

/** What is looked at of a file: enough for the first rows of any. */
export const HEAD_BYTES = 2 ** 20;

export interface SheetRow {
  readonly line: number;
  readonly numbering: Numbering;
  readonly row: JsonObject;
}

export interface Sheet {
  readonly kind: 'table' | 'json';
  /** Whether the first row of a table names the columns, and what stands between cells. */
  readonly header?: boolean;
  readonly delimiter?: string;
  readonly columns: readonly string[];
  /** Those of them that hold text, or are named as a prompt or an answer is, in the rows that were looked at. */
  readonly texts: readonly string[];
  /** The first good rows, three of them if there are. */
  readonly rows: readonly SheetRow[];
  /** The known format that the columns are of; such a file needs no mapping. */
  readonly format?: string;
  /** What the names of the columns suggest. */
  readonly suggestion?: Mapping;
}
