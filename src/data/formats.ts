/**
 * Files → examples. JSONL (a row a line), JSON (a list of rows, or an object with one), Parquet, CSV and TSV, tables of web pages, and plain text; which one by the file's
 * ending, and if that says nothing by its first characters. Files whose rows are objects are read by `ROW_SOURCES`. Rows of each known format in formats/; every row is recognised by its own fields,
 * a table by its columns. Other columns need a mapping (mapping.ts).
 */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { Collector, objectOf, type Collected, type ReadResult, type TakeExample } from './collector.ts';
import { columnsOfRow, listOfColumns } from './columns.ts';
import { documentsOf, hasBorder } from './documents.ts';
import { decodeFile, encodingOf, HEAD_BYTES, refuseBinary } from './encoding.ts';
import { fileKind } from './file-kind.ts';
import { formatOfColumns, rowOfCells } from './formats/known.ts';
import { BadRow } from './formats/row.ts';
import { tooLarge, wholeOf, wholeText } from './json-sources.ts';
import type { Bytes, Content } from './lines.ts';
import { checkMapping, type Mapping } from './mapping.ts';
import { isParquet } from './parquet-magic.ts';
import type { FileKind } from './row-endings.ts';
import type { RowSource } from './row-source.ts';
import { ROW_SOURCES } from './row-sources.ts';
import { checkCells, objectOfCells, openTable, type Table, type TableOptions } from './table.ts';

export type { ReadResult } from './collector.ts';

const MAX_TEXT_FILE_BYTES = 64 * 2 ** 20;
/** Rows that are examined for the columns of a JSON file. */
const LOOKED_AT = 100;

export interface ReadOptions extends TableOptions {
  /** For messages and for its extension. */
  readonly fileName: string;
  /** Which columns are prompt and answer, if the format is unknown or should be read differently. */
  readonly mapping?: Mapping;
  /** Whether examples keep the columns that they do not use. */
  readonly keepsColumns?: boolean;
  /** The answer of a row that has an empty one and an empty list of passages: the documents do not say. */
  readonly unanswered?: string;
  /** Where a document of a text file ends (`TextOptions`). */
  readonly documents?: string;
  /** The most bad rows that are listed; a thousand if left out. */
  readonly mostProblems?: number;
  /** Takes each example with the row that it was made of, in place of the result. */
  readonly onExample?: TakeExample;
}

function* readObjects(
  content: Content,
  source: RowSource,
  fileName: string,
  collector: Collector,
): Generator<number> {
  const rows = source.rows(content, fileName);
  for (;;) {
    const { done, value } = rows.next();
    if (done) {
      collector.left = value;
      return;
    }
    collector.numbering = value.numbering;
    collector.source = value;
    collector.row(value.line, () => value.read());
    yield value.end / content.length;
  }
}

/** The union of the columns of the first rows. */
function columnsOfSource(content: Content, source: RowSource, fileName: string): string[] {
  const columns = new Set<string>();
  let looked = 0;
  for (const row of source.rows(content, fileName)) {
    if (looked++ === LOOKED_AT) break;
    try {
      for (const column of columnsOfRow(row.read())) columns.add(column);
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
    }
  }
  return [...columns];
}

function* readTable(
  table: Table | undefined,
  { fileName, mapping }: ReadOptions,
  collector: Collector,
): Generator<number> {
  if (!table) return;
  const { columns, numbering, left } = table;
  collector.numbering = numbering;
  collector.left = left;
  if (mapping) checkMapping(mapping, columns);
  else if (!formatOfColumns(columns)) throw unmapped(fileName, columns);
  const make = mapping ? objectOfCells : rowOfCells;
  let rows = 0;
  for (const row of table.rows()) {
    rows++;
    const { start, end, text } = row;
    collector.source = { text, start, length: end - start };
    collector.row(row.line, () => make(columns, checkCells(columns, row)));
    yield end / table.length;
  }
  if (rows === 0)
    throw new GraftError(
      'data-rows',
      `${fileName} has a header (${columns.slice(0, 8).join(', ')}${columns.length > 8 ? ', …' : ''}) and no rows below it.`,
      'Add rows to the file, or choose another.',
    );
}

/** The error that asks for a mapping. */
export function unmapped(fileName: string, columns: readonly string[]): GraftError {
  return new GraftError(
    'data-columns',
    `${fileName} has the columns ${listOfColumns(columns)}. Which of them are the prompt and the answer is not clear.`,
    columns.includes('text')
      ? 'Say which column is the prompt and which is the answer, or that a column is the whole text (in the command: --prompt-template and --answer-template, or --text-template).'
      : 'Say which column is the prompt and which is the answer (in the command: --prompt-template and --answer-template).',
  );
}

function* readText(
  content: Content,
  { fileName, documents }: ReadOptions,
  collector: Collector,
): Generator<number> {
  if (content.length > MAX_TEXT_FILE_BYTES) {
    throw tooLarge(fileName, content.length, MAX_TEXT_FILE_BYTES, 'Cut it into several files.');
  }
  const text = typeof content === 'string' ? content : decodeFile(wholeOf(content), fileName);
  if (!text.isWellFormed()) {
    throw new GraftError(
      'data-text',
      `${fileName} has half a character (a lone surrogate).`,
      'Save it as UTF-8.',
    );
  }
  const plain = text.replaceAll('\r\n', '\n');
  collector.unbordered = !hasBorder(plain, documents);
  for (const { line, text: whole } of documentsOf(plain, documents))
    collector.example(line, { kind: 'text', text: whole, document: true }, 'document');
  yield 1;
}

/** UTF-8 stays bytes, so that one bad line of a JSONL file costs only that line; other encodings are decoded. */
function withoutByteOrderMark(content: Content, fileName: string): Content {
  if (typeof content === 'string') return content.charCodeAt(0) === 0xfeff ? content.slice(1) : content;
  if (isParquet(content)) return content;
  const head = content.subarray(0, Math.min(HEAD_BYTES, content.length));
  refuseBinary(head, fileName);
  if (encodingOf(head) !== 'utf-8') return decodeFile(wholeOf(content), fileName);
  const [a, b, c] = head;
  return a === 0xef && b === 0xbb && c === 0xbf ? behind(content, 3) : content;
}

/** The bytes from `first` on. */
export function behind(content: Bytes, first: number): Bytes {
  return content instanceof Uint8Array
    ? content.subarray(first)
    : {
        length: content.length - first,
        subarray: (start, end = content.length - first) => content.subarray(first + start, first + end),
      };
}

/** A file that is being read: {@link read} yields after every row, so that a caller can show progress or stop. */
export class ExampleReader {
  readonly kind: FileKind;
  #bare: Content;
  readonly #options: ReadOptions;
  readonly #collector: Collector;
  #table: Table | undefined;

  /** @throws GraftError `data-binary`, `data-encoding`, `data-empty`, `data-template` */
  constructor(content: Content, options: ReadOptions) {
    const { fileName, mapping, keepsColumns, onExample, mostProblems, unanswered } = options;
    const bare = withoutByteOrderMark(content, fileName);
    if (bare.length === 0)
      throw new GraftError('data-empty', `${fileName} is empty.`, 'Choose a file with examples.');
    this.kind = fileKind(bare, fileName);
    this.#bare = bare;
    this.#options = options;
    this.#collector = new Collector(mapping, keepsColumns, onExample, mostProblems, unanswered);
  }

  /**
   * What is read, without its byte order mark; a text if the file is not UTF-8, or is JSON, whose rows are parts of one text.
   *
   * @throws GraftError `data-encoding`, `data-too-large`
   */
  get content(): Content {
    if (this.kind === 'json') this.#bare = wholeText(this.#bare, this.#options.fileName);
    return this.#bare;
  }

  /** The share that is read, after every row. @throws GraftError as {@link readExamples} */
  read(): Generator<number> {
    switch (this.kind) {
      case 'table':
        return readTable(this.#openTable(), this.#options, this.#collector);
      case 'text':
        return readText(this.content, this.#options, this.#collector);
      default:
        this.checkColumns();
        return readObjects(this.content, ROW_SOURCES[this.kind], this.#options.fileName, this.#collector);
    }
  }

  /** Checks the mapping of a file whose rows are objects. @throws GraftError `data-template`, `data-column` for columns that the first rows do not have */
  checkColumns(): void {
    const { kind } = this;
    const { mapping, fileName } = this.#options;
    if (mapping && kind !== 'table' && kind !== 'text')
      checkMapping(mapping, columnsOfSource(this.content, ROW_SOURCES[kind], fileName));
  }

  /** Takes what was collected of a section in place of {@link read}. @param before lines before the section */
  append(collected: Collected, before: number): void {
    this.#collector.append(collected, before);
  }

  /** Called after every row: throws the error that asks for a mapping, if no row has known fields and there are columns to map. */
  get unmapped(): GraftError | undefined {
    const { count, unknownRows } = this.#collector;
    const { kind } = this;
    if (count > 0 || unknownRows === 0 || kind === 'table' || kind === 'text') return undefined;
    const { fileName } = this.#options;
    return unmapped(fileName, columnsOfSource(this.content, ROW_SOURCES[kind], fileName));
  }

  result(): ReadResult {
    return this.#collector.result();
  }

  /** The row of a text that came with an example. @throws BadRow */
  rowOf(text: string): JsonObject {
    const table = this.#openTable();
    const row = table?.rowOf?.(text);
    if (!table || !row) return objectOf(text);
    const make = this.#options.mapping ? objectOfCells : rowOfCells;
    return make(table.columns, checkCells(table.columns, row));
  }

  /** The same with all of its fields, as they stand in the file. @throws BadRow */
  fieldsOf(text: string): JsonObject {
    const table = this.#openTable();
    const row = table?.rowOf?.(text);
    return table && row ? objectOfCells(table.columns, checkCells(table.columns, row)) : objectOf(text);
  }

  #openTable(): Table | undefined {
    if (this.kind !== 'table') return undefined;
    const { fileName } = this.#options;
    return (this.#table ??= openTable(this.content, fileName, this.#options));
  }
}

/**
 * Reads a data file. Bad rows are listed with line and reason, good rows are kept; a text file (.txt, .md) is one document or several, which
 * prepare.ts cuts into rows. `examples` may be empty, which the caller handles.
 *
 * Throws GraftError if there are no rows: `data-binary`, `data-encoding`, `data-empty`, `data-text`, `data-too-large`, `json-syntax` (the frame of
 * a JSON file), `data-columns` (a table that needs a mapping), `data-column`, `data-template` (a mapping that does not fit).
 */
export function readExamples(content: Content, options: ReadOptions): ReadResult {
  const reader = new ExampleReader(content, options);
  const shares = reader.read();
  while (!shares.next().done);
  return reader.result();
}
