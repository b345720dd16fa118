/** The rows of a file as they are, for files that are made of a part of them. */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { BadRow } from './formats/row.ts';
import { ExampleReader, type ReadOptions } from './formats.ts';
import type { Bytes } from './lines.ts';
import { ROW_SOURCES } from './row-sources.ts';
import { checkCells, objectOfCells, openTable } from './table.ts';

export interface RawRow {
  /** As a line of JSONL: the very text of a row that is JSON, without line breaks between its fields. */
  readonly text: string;
  readonly fields: JsonObject;
}

/** In JSON these are outside of strings. */
const BREAKS = /[\r\n]+/g;

/** @param text of a row that is JSON */
export const rawRow = (fields: JsonObject, text: string | undefined): RawRow => ({
  text: text?.replace(BREAKS, ' ').trim() ?? JSON.stringify(fields),
  fields,
});

/**
 * The rows that can be taken apart, by the numbers that their examples have (`Example.line`).
 *
 * @throws GraftError as `readExamples`, and `data-text` for a file of plain text
 */
export function rawRowsOf(bytes: Bytes, options: ReadOptions): Map<number, RawRow> {
  const { fileName } = options;
  const { kind, content } = new ExampleReader(bytes, options);
  const result = new Map<number, RawRow>();
  const add = (line: number, read: () => JsonObject, text?: string): void => {
    try {
      result.set(line, rawRow(read(), text));
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
    }
  };
  if (kind === 'text')
    throw new GraftError(
      'data-text',
      `${fileName} is plain text, which has no rows.`,
      'Choose a file with rows: JSONL, JSON, CSV, TSV or Parquet.',
    );
  if (kind === 'table') {
    const table = openTable(content, fileName, options);
    if (table)
      for (const row of table.rows())
        add(row.line, () => objectOfCells(table.columns, checkCells(table.columns, row)));
  } else
    for (const row of ROW_SOURCES[kind].rows(content, fileName)) add(row.line, () => row.read(), row.text);
  return result;
}
