/**
 * Parquet by hyparquet: a part of a row group at a time, or all of one with lists, so that of a large file no more is unpacked. A file is hostile until it was checked: places
 * and sizes are compared with the file and with limits before anything of that size is made. hyparquet's own reader is asynchronous; the parts under it
 * are not, so that rows come one after the other as those of every other file do.
 */
import { parquetMetadata, parquetSchema } from 'hyparquet';
import type {
  ColumnMetaData,
  DecodedArray,
  FileMetaData,
  ParquetParsers,
  RowGroup,
  SchemaTree,
} from 'hyparquet';
import { assembleNested } from 'hyparquet/src/assemble.js';
import { readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getTreePath, isFlatColumn } from 'hyparquet/src/schema.js';
import { flatten } from 'hyparquet/src/utils.js';
import { GraftError, messageOf } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { Bytes, Content } from './lines.ts';
import { checkPages, COMPRESSORS, MAX_VALUES } from './parquet-pages.ts';
import type { RowSource } from './row-source.ts';
import { isParquet, MAGIC } from './parquet-magic.ts';
import { MAX_TABLE_COLUMNS } from './table.ts';

/** The magic number of a file with an encrypted footer. */
const ENCRYPTED = 'PARE';
/** After the metadata: its length and the magic number. */
const TAIL_BYTES = 8;
const MAX_METADATA_BYTES = 16 * 2 ** 20;
/** Bytes in a row with their first bit set: a longer number than any. Texts in the statistics are cut at four kilobytes. */
const MAX_HIGH_BYTES = 2 ** 13;
/** Rows of a group without lists that are unpacked at once. */
const ROWS_AT_ONCE = 2 ** 15;
/** The most unpacked bytes of a row group: one with lists is unpacked as a whole. */
const MAX_GROUP_BYTES = 512 * 2 ** 20;
const MAX_ROWS = 2 ** 23;
/** Levels of structs and lists. */
const MAX_DEPTH = 32;

const CODECS = ['UNCOMPRESSED', ...Object.keys(COMPRESSORS)];

/** Times as texts, which is what a model reads. */
const PARSERS: ParquetParsers = {
  ...DEFAULT_PARSERS,
  timestampFromMilliseconds: (millis) => timeOf(Number(millis)),
  timestampFromMicroseconds: (micros) => timeOf(Number(micros / 1000n)),
  timestampFromNanoseconds: (nanos) => timeOf(Number(nanos / 1_000_000n)),
  dateFromDays: (days) => timeOf(days * 86_400_000)?.slice(0, 10),
};

export const parquet: RowSource = {
  label: 'Parquet',
  *rows(content, fileName) {
    const file = new ParquetFile(content, fileName);
    let line = 0;
    for (const [at, group] of file.groups.entries()) {
      const end = (content.length * (at + 1)) / file.groups.length;
      for (const row of file.read(group, at)) yield { line: ++line, numbering: 'row', read: () => row, end };
    }
    return [];
  },
};

/** A column of a row group. */
interface Leaf {
  readonly column: ColumnMetaData;
  readonly bytes: Uint8Array;
  readonly schemaPath: SchemaTree[];
}

/** Some rows of a row group. */
interface Part {
  readonly from: number;
  readonly to: number;
  /** All rows of the group. */
  readonly rows: number;
}

class ParquetFile {
  readonly #bytes: Bytes;
  readonly #metadata: FileMetaData;
  readonly #tree: SchemaTree;

  /** @throws GraftError `data-parquet` */
  constructor(
    content: Content,
    private readonly fileName: string,
  ) {
    if (typeof content === 'string') throw this.#wrong('is not a file of bytes');
    this.#bytes = content;
    this.#metadata = this.#readMetadata();
    this.#check();
    this.#tree = parquetSchema(this.#metadata);
  }

  get groups(): readonly RowGroup[] {
    return this.#metadata.row_groups;
  }

  /** The rows of a group. @throws GraftError `data-parquet`, `data-parquet-codec` */
  *read(group: RowGroup, at: number): Generator<JsonObject> {
    const rows = Number(group.num_rows);
    if (rows === 0) return;
    const where = `row group ${at + 1}`;
    const leaves = this.#attempt(where, () => this.#leavesOf(group, where));
    // Lists are put together over their whole column.
    const atOnce = leaves.every(({ schemaPath }) => isFlatColumn(schemaPath)) ? ROWS_AT_ONCE : rows;
    for (let from = 0; from < rows; from += atOnce) {
      const to = Math.min(rows, from + atOnce);
      const columns = this.#attempt(where, () => this.#columnsOf(leaves, { from, to, rows }, where));
      for (let row = 0; row < to - from; row++) {
        const object: JsonObject = Object.create(null) as JsonObject;
        for (const [name, values] of columns) object[name] = plain(values[row]);
        yield object;
      }
    }
  }

  /** The columns of a group as they are stored, checked. */
  #leavesOf(group: RowGroup, where: string): Leaf[] {
    let unpacked = 0;
    return group.columns.map(({ meta_data: column }): Leaf => {
      if (!column) throw this.#wrong(`has a column without metadata in ${where}`);
      const bytes = this.#chunkOf(column, where);
      const schemaPath = getTreePath(this.#tree, column.path_in_schema);
      const pages = checkPages(bytes, column, schemaPath);
      if (BigInt(pages.values) !== column.num_values || pages.values > MAX_VALUES)
        throw this.#wrong(
          `has ${pages.values} values in a column of ${column.num_values} in ${where} (at most ${MAX_VALUES} are read)`,
        );
      unpacked += pages.unpacked;
      if (unpacked > MAX_GROUP_BYTES)
        throw this.#wrong(
          `unpacks to more than ${MAX_GROUP_BYTES / 2 ** 20} MiB in ${where}`,
          'Write it with smaller row groups.',
        );
      return { column, bytes, schemaPath };
    });
  }

  /** Each column at the top of the schema, with a value for each row of a part of a group. */
  #columnsOf(stored: readonly Leaf[], { from, to, rows }: Part, where: string): Map<string, DecodedArray> {
    const leaves = new Map<string, DecodedArray>();
    for (const { column, bytes, schemaPath } of stored) {
      const { data, skipped } = readColumn(
        { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 },
        { groupStart: 0, selectStart: from, selectEnd: to, groupRows: rows },
        {
          ...column,
          pathInSchema: column.path_in_schema,
          element: schemaPath[schemaPath.length - 1].element,
          schemaPath,
          parsers: PARSERS,
          compressors: COMPRESSORS,
        },
      );
      const values = flatten(data);
      const isPart = to - from < rows;
      leaves.set(
        column.path_in_schema.join('.'),
        isPart ? values.slice(from - skipped, to - skipped) : values,
      );
    }
    const columns = new Map<string, DecodedArray>();
    for (const child of this.#tree.children) {
      const { name } = child.element;
      if (child.children.length > 0) assembleNested(leaves, child, PARSERS);
      const values = leaves.get(name);
      if (values?.length !== to - from)
        throw this.#wrong(
          `has ${values?.length ?? 0} values for the ${to - from} rows of column ${shownName(name)} in ${where}`,
        );
      columns.set(name, values);
    }
    return columns;
  }

  /** The bytes of a column of a group. */
  #chunkOf(column: ColumnMetaData, where: string): Uint8Array {
    const { codec, dictionary_page_offset: dictionary, data_page_offset: data } = column;
    if (!CODECS.includes(codec))
      throw new GraftError(
        'data-parquet-codec',
        `${this.fileName} is compressed with ${String(codec).slice(0, 20)} (${where}); ${CODECS.slice(1).join(', ')} and none are read.`,
        'Write it with another compression, such as snappy.',
      );
    const first = dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data;
    const start = Number(first);
    const end = start + Number(column.total_compressed_size);
    if (!(start >= MAGIC.length && start <= end && end <= this.#bytes.length - TAIL_BYTES))
      throw this.#wrong(`has a column outside of the file in ${where}`);
    return this.#bytes.subarray(start, end);
  }

  #readMetadata(): FileMetaData {
    const bytes = this.#bytes;
    const { length } = bytes;
    if (length < MAGIC.length + TAIL_BYTES || !isParquet(bytes)) throw this.#wrong('is not a Parquet file');
    const tail = bytes.subarray(length - TAIL_BYTES, length);
    const magic = String.fromCharCode(...tail.subarray(4));
    if (magic === ENCRYPTED) throw this.#wrong('is encrypted', 'Write it without encryption.');
    if (magic !== MAGIC) throw this.#wrong('is truncated: it does not end as it should', 'Fetch it again.');
    const size = new DataView(tail.buffer, tail.byteOffset, tail.byteLength).getUint32(0, true);
    if (size > Math.min(MAX_METADATA_BYTES, length - MAGIC.length - TAIL_BYTES))
      throw this.#wrong(`says that its metadata has ${size} bytes`);
    const footer = bytes.subarray(length - TAIL_BYTES - size, length).slice();
    let high = 0;
    for (const byte of footer) {
      high = byte & 0x80 ? high + 1 : 0;
      if (high > MAX_HIGH_BYTES) throw this.#wrong('has an endless number in its metadata');
    }
    return this.#attempt('the metadata', () => parquetMetadata(footer, { geoparquet: false }));
  }

  /** What everything else relies on. */
  #check(): void {
    const { schema, row_groups: groups } = this.#metadata;
    if (schema.length > MAX_TABLE_COLUMNS)
      throw this.#wrong(`has ${schema.length} columns; at most ${MAX_TABLE_COLUMNS} are read`);
    this.#attempt('the schema', () => {
      const depthOf = (nodes: ReturnType<typeof parquetSchema>['children'], depth: number): void => {
        if (depth > MAX_DEPTH) throw this.#wrong(`nests columns more than ${MAX_DEPTH} levels deep`);
        for (const { children } of nodes) depthOf(children, depth + 1);
      };
      depthOf(parquetSchema(this.#metadata).children, 1);
    });
    let rows = 0n;
    for (const { num_rows: count } of groups) {
      if (typeof count !== 'bigint' || count < 0n)
        throw this.#wrong('has a row group without a number of rows');
      rows += count;
    }
    if (rows > BigInt(MAX_ROWS))
      throw this.#wrong(
        `has ${rows} rows; at most ${MAX_ROWS} are read`,
        'Keep fewer rows, or save it as JSONL.',
      );
  }

  /** What hyparquet throws at a damaged file, as an error of the file. */
  #attempt<Result>(where: string, action: () => Result): Result {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof GraftError) throw cause;
      throw new GraftError(
        'data-parquet',
        `${this.fileName} is damaged in ${where}: ${messageOf(cause).slice(0, 120)}.`,
        'Fetch it again, or write it once more.',
        { cause },
      );
    }
  }

  #wrong(what: string, remedy = 'Fetch it again, or write it once more.'): GraftError {
    return new GraftError('data-parquet', `${this.fileName} ${what}.`, remedy);
  }
}

const shownName = (name: string): string => JSON.stringify(name.slice(0, 40));

/** ISO 8601; undefined for a time that no date has. */
function timeOf(millis: number): string | undefined {
  const date = new Date(millis);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A value as JSON would have it: whole numbers beyond 2⁵³ and bytes as texts, and no number for NaN. */
function plain(value: unknown): unknown {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) return null;
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof Date) return timeOf(value.getTime()) ?? null;
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array, plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  return value;
}
