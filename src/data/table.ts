/** A CSV or TSV file, or the largest table of a web page, as a table: its delimiter, whether it has a header, its columns, and its rows under them. */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { looksLikeHeader, namesOfCount, namesOfHeader } from './columns.ts';
import { csvRows, delimiterOf, type CsvRow } from './csv.ts';
import { decodePage } from './encoding.ts';
import type { LeftList, Numbering } from './example.ts';
import { isPage } from './file-kind.ts';
import { BadRow } from './formats/row.ts';
import { mainTable, tablesOfHtml } from './html-table.ts';
import { wholeOf } from './json-sources.ts';
import type { Content } from './lines.ts';
import { newLineOf, piecesOf } from './text-pieces.ts';

export interface TableOptions {
  /** Whether the first row names the columns. Default: detected. */
  readonly header?: boolean;
  /** One character. Default: the one that gives all rows the same number of cells; a tab for .tsv. */
  readonly delimiter?: string;
}

export interface Table {
  /** Missing for a table of a web page. */
  readonly delimiter?: string;
  readonly header: boolean;
  readonly columns: readonly string[];
  /** Several rows of a web page may share a line. */
  readonly numbering: Numbering;
  /** Other tables of a web page. */
  readonly left: readonly LeftList[];
  /** Characters, or bytes, of the whole. */
  readonly length: number;
  /** The rows below the header. */
  rows(): Generator<CsvRow>;
  /** The row of a text that {@link rows} gave; missing for a table of a web page. */
  rowOf?(text: string): CsvRow | undefined;
}

/** A table for a model has a handful; the widest that spreadsheets write has 16,384. */
export const MAX_TABLE_COLUMNS = 4096;

/** The first line of a table that Excel should divide at this character. */
const DECLARED_DELIMITER = /^sep=(.)\r?\n/i;
/** Characters, or bytes, that show the delimiter. */
const HEAD = 2 ** 18;

/** Looks at the first rows. Undefined for a file without any. @throws GraftError `data-delimiter`, `data-many-columns`, `data-no-table`, `data-encoding` */
export function openTable(content: Content, fileName: string, options: TableOptions): Table | undefined {
  if (isPage(content, fileName)) return openPage(pageText(content, fileName), fileName, options);
  const pieces = piecesOf(content, fileName);
  const head = pieces.read(0, HEAD);
  const declared = DECLARED_DELIMITER.exec(head)?.[1];
  const delimiter =
    options.delimiter ?? declared ?? (/\.(tsv|tab)$/i.test(fileName) ? '\t' : delimiterOf(head));
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new GraftError(
      'data-delimiter',
      `${JSON.stringify(delimiter)} cannot stand between cells.`,
      'Choose one character: a comma, a semicolon, a tab.',
    );
  }
  function* all(): Generator<CsvRow> {
    for (const row of csvRows(content, delimiter, fileName)) if (!(declared && row.line === 1)) yield row;
  }
  let first: CsvRow | undefined;
  for (const row of all()) {
    if (row.problem !== undefined) continue;
    first = row;
    break;
  }
  if (!first) return undefined;
  const { line, cells } = first;
  checkWidth(fileName, cells);
  const header = options.header ?? looksLikeHeader(cells);
  const newline = newLineOf(pieces);
  return {
    ...{ delimiter, header, numbering: 'line', left: [], length: content.length },
    columns: header ? namesOfHeader(cells) : namesOfCount(cells.length),
    *rows() {
      for (const row of all()) if (!(header && row.line === line)) yield row;
    },
    rowOf: (text) => csvRows(text, delimiter, fileName, newline).next().value as CsvRow | undefined,
  };
}

/** The text of a web page. @throws GraftError `data-encoding` */
const pageText = (content: Content, fileName: string): string =>
  typeof content === 'string' ? content : decodePage(wholeOf(content), fileName);

/** @throws GraftError `data-many-columns` */
function checkWidth(fileName: string, { length }: readonly string[]): void {
  if (length > MAX_TABLE_COLUMNS)
    throw new GraftError(
      'data-many-columns',
      `${fileName} has ${length.toLocaleString('en')} columns; at most ${MAX_TABLE_COLUMNS.toLocaleString('en')} are read.`,
      'Check the delimiter, or keep only the columns of prompt and answer.',
    );
}

/** Its rows are numbered from 1, the header among them, as spreadsheets number theirs. */
function openPage(text: string, fileName: string, options: TableOptions): Table {
  const tables = tablesOfHtml(text);
  const table = mainTable(tables);
  if (!table)
    throw new GraftError(
      'data-no-table',
      `${fileName} is a web page without a table.`,
      'Choose a page with a table, or save its text as a .txt file.',
    );
  const { rows } = table;
  checkWidth(fileName, rows[0]);
  const header = options.header ?? (table.header || looksLikeHeader(rows[0]));
  return {
    ...{ header, numbering: 'row', length: text.length },
    columns: header ? namesOfHeader(rows[0]) : namesOfCount(rows[0].length),
    // Frames and menus of a page are tables of one row or one column.
    left: tables.flatMap((other, at) =>
      other === table || other.rows.length < 2 || other.rows[0].length < 2
        ? []
        : [{ name: `table ${at + 1}`, rows: other.rows.length }],
    ),
    *rows() {
      for (const [at, cells] of rows.entries())
        if (!(header && at === 0))
          yield { line: at + 1, cells, start: 0, end: Math.round((text.length * (at + 1)) / rows.length) };
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
