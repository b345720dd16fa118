/** A CSV or TSV file as a table: its delimiter, whether it has a header, its columns, and its rows under them. */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { looksLikeHeader, namesOfCount, namesOfHeader } from './columns.ts';
import { csvRows, delimiterOf, type CsvRow } from './csv.ts';
import { BadRow } from './formats/row.ts';

export interface TableOptions {
  /** Whether the first row names the columns. Default: detected. */
  readonly header?: boolean;
  /** One character. Default: the one that gives all rows the same number of cells; a tab for .tsv. */
  readonly delimiter?: string;
}

interface Table {
  readonly delimiter: string;
  readonly header: boolean;
  readonly columns: readonly string[];
  /** The rows below the header. */
  rows(): Generator<CsvRow>;
}

/** A table for a model has a handful; the widest that spreadsheets write has 16,384. */
export const MAX_TABLE_COLUMNS = 4096;

/** Looks at the first rows. Undefined for a file without any. @throws GraftError `data-delimiter`, `data-many-columns` */
export function openTable(text: string, fileName: string, options: TableOptions): Table | undefined {
  const delimiter = options.delimiter ?? (/\.(tsv|tab)$/i.test(fileName) ? '\t' : delimiterOf(text));
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new GraftError(
      'data-delimiter',
      `${JSON.stringify(delimiter)} cannot stand between cells.`,
      'Choose one character: a comma, a semicolon, a tab.',
    );
  }
  let first: CsvRow | undefined;
  for (const row of csvRows(text, delimiter)) {
    if (row.problem !== undefined) continue;
    first = row;
    break;
  }
  if (!first) return undefined;
  const { line, cells } = first;
  if (cells.length > MAX_TABLE_COLUMNS) {
    throw new GraftError(
      'data-many-columns',
      `${fileName} has ${cells.length.toLocaleString('en')} columns; at most ${MAX_TABLE_COLUMNS.toLocaleString('en')} are read.`,
      'Check the delimiter, or keep only the columns of prompt and answer.',
    );
  }
  const header = options.header ?? looksLikeHeader(cells);
  return {
    delimiter,
    header,
    columns: header ? namesOfHeader(cells) : namesOfCount(cells.length),
    *rows() {
      for (const row of csvRows(text, delimiter)) if (!(header && row.line === line)) yield row;
    },
  };
}

/** The cells as a row for a mapping. @throws BadRow for another number of cells than there are columns */
export function checkCells(columns: readonly string[], { cells, problem }: CsvRow): readonly string[] {
  if (problem !== undefined) throw new BadRow(problem);
  // A delimiter too many at the end is common and harmless.
  const extra = cells.slice(columns.length);
  if (cells.length < columns.length || extra.some((cell) => cell.trim() !== '')) {
    throw new BadRow(
      `the row has ${cells.length} ${cells.length === 1 ? 'field' : 'fields'}, and there are ${columns.length} columns`,
    );
  }
  return cells;
}

export function objectOfCells(columns: readonly string[], cells: readonly string[]): JsonObject {
  const row: JsonObject = Object.create(null) as JsonObject;
  columns.forEach((column, i) => {
    row[column] = cells[i];
  });
  return row;
}
