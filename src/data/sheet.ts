/** The first rows of a file, for a person who says which column is what. */
import { GraftError } from '../errors.ts';
import { columnsOfRow, suggestMapping, valueAt } from './columns.ts';
import { declaredEncoding, encodingOf } from './encoding.ts';
import { fileKind, isPage } from './file-kind.ts';
import { formatOfColumns, formatOfRow } from './formats/known.ts';
import { BadRow } from './formats/row.ts';
import type { Bytes, Content } from './lines.ts';
import { checkMapping, type Mapping } from './mapping.ts';
import { wholeOf } from './json-sources.ts';
import { isParquet } from './parquet-magic.ts';
import type { RowSource } from './row-source.ts';
import { ROW_SOURCES } from './row-sources.ts';
import { headOf, type Sheet, type SheetRow } from './sheet-types.ts';
import { isText } from './unused.ts';
import { checkCells, objectOfCells, openTable, type TableOptions } from './table.ts';

const LOOKED_AT = 100;
const SHOWN = 3;

/**
 * Looks at the head of a file. Undefined if there are no columns: a text, or nothing readable.
 * @param content what `headOf` gives: its first bytes, of which the last line may be cut off, or all of it
 */
export function inspectHead(content: Bytes, fileName: string, options: TableOptions): Sheet | undefined {
  if (isParquet(content)) return inspectObjects(content, ROW_SOURCES.parquet, fileName);
  const head = wholeOf(content);
  const text = new TextDecoder(
    (isPage(head, fileName) ? declaredEncoding(head) : undefined) ?? encodingOf(head),
  ).decode(head);
  const kind = fileKind(text, fileName);
  if (kind === 'text') return undefined;
  return kind === 'table'
    ? inspectTable(text, fileName, options)
    : inspectObjects(text, ROW_SOURCES[kind], fileName);
}

function inspectTable(text: string, fileName: string, options: TableOptions): Sheet | undefined {
  const table = openTable(text, fileName, options);
  if (!table) return undefined;
  const { header, delimiter, columns, numbering } = table;
  const rows: SheetRow[] = [];
  const texts = new Set<string>();
  let looked = 0;
  for (const raw of table.rows()) {
    if (looked++ === LOOKED_AT) break;
    try {
      const row = { ...objectOfCells(columns, checkCells(columns, raw)) };
      for (const column of columns) if (isText(column, row[column])) texts.add(column);
      if (rows.length < SHOWN) rows.push({ line: raw.line, numbering, row });
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
    }
  }
  return {
    kind: 'table',
    header,
    ...(delimiter !== undefined && { delimiter }),
    columns,
    texts: [...texts],
    rows,
    format: formatOfColumns(columns)?.name,
    suggestion: suggestMapping(columns),
  };
}

function inspectObjects(content: Content, source: RowSource, fileName: string): Sheet | undefined {
  const columns = new Set<string>();
  const texts = new Set<string>();
  const rows: SheetRow[] = [];
  let format: string | undefined;
  let looked = 0;
  try {
    for (const found of source.rows(content, fileName)) {
      if (looked++ === LOOKED_AT) break;
      try {
        const row = found.read();
        for (const column of columnsOfRow(row)) {
          columns.add(column);
          if (isText(column, valueAt(row, column))) texts.add(column);
        }
        // A plain object: it goes to the page.
        if (rows.length < SHOWN) rows.push({ line: found.line, numbering: found.numbering, row: { ...row } });
        format ??= formatOfRow(row)?.name;
      } catch (error) {
        if (!(error instanceof BadRow)) throw error;
      }
    }
  } catch (error) {
    // The head ends inside the list: the rows before that are shown.
    if (!(error instanceof GraftError)) throw error;
    if (rows.length === 0) return undefined;
  }
  if (columns.size === 0) return undefined;
  return {
    kind: 'json',
    columns: [...columns],
    texts: [...texts],
    rows,
    format,
    suggestion: suggestMapping([...columns]),
  };
}

/**
 * How a second file is read next to one that needed a mapping: by that mapping too, unless the file lacks its columns and is of a format
 * that needs none.
 *
 * @param bytes of the whole file, or its head
 * @throws GraftError `data-template` for a mapping without a prompt, an answer or a text
 */
export function optionsBeside<Options extends TableOptions & { readonly mapping?: Mapping }>(
  bytes: Bytes,
  fileName: string,
  options: Options,
): Options {
  const { mapping, header, delimiter } = options;
  if (!mapping) return options;
  const sheet = inspectHead(headOf(bytes), fileName, { header, delimiter });
  if (sheet?.format === undefined) return options;
  try {
    checkMapping(mapping, sheet.columns);
    return options;
  } catch (error) {
    if (!(error instanceof GraftError) || error.code !== 'data-column') throw error;
    return { ...options, mapping: undefined };
  }
}
