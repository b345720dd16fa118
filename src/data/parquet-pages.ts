/**
 * Checks the pages of a column before hyparquet reads them: it believes a page's sizes and the lengths of its runs, so that five bytes could ask for two
 * milliards of values. Layout: https://parquet.apache.org/docs/file-format/
 */
import { gunzipSync } from 'fflate';
import { decompress } from 'fzstd';
import { snappyUncompress } from 'hyparquet';
import type { ColumnMetaData, Compressors, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';

/** The most values of a column in a row group, lists included. Runs of equal values take almost no bytes, so bytes do not limit their number. */
export const MAX_VALUES = 2 ** 24;
const MAX_PAGE_BYTES = 256 * 2 ** 20;
/** The statistics in a header have a few kilobytes at most. */
const MAX_HEADER_BYTES = 2 ** 15;
/** Values that a run may have beyond those of its page: the last one is padded. */
const PADDING = 512;
/** A bit width that no value needs. */
const MAX_WIDTH = 32;

/** hyparquet has these encodings whose work is proportional to bytes and values. In DELTA_BYTE_ARRAY each value repeats the one before. */
const ENCODINGS = [
  'PLAIN',
  'RLE',
  'PLAIN_DICTIONARY',
  'RLE_DICTIONARY',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
  'BYTE_STREAM_SPLIT',
];

/** Brotli's dictionary alone has 120 kB. */
export const COMPRESSORS: Compressors = {
  SNAPPY(bytes, size) {
    const page = new Uint8Array(size);
    snappyUncompress(bytes, page);
    return page;
  },
  GZIP: (bytes, size) => gunzipSync(bytes, { out: new Uint8Array(size) }),
  ZSTD: (bytes, size) => decompress(bytes, new Uint8Array(size)),
};

/**
 * @param bytes of a column of a row group
 * @returns how many values its pages have, and bytes unpacked
 * @throws Error what is wrong, as the end of a sentence
 */
export function checkPages(
  bytes: Uint8Array,
  column: ColumnMetaData,
  schemaPath: SchemaTree[],
): { values: number; unpacked: number } {
  const levels = [getMaxRepetitionLevel(schemaPath), getMaxDefinitionLevel(schemaPath)];
  let offset = 0;
  let values = 0;
  let unpacked = 0;
  while (offset < bytes.length - 1) {
    const reader = { view: viewOf(bytes.subarray(offset, offset + MAX_HEADER_BYTES)), offset: 0 };
    const header = parquetHeader(reader);
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = header;
    const page = dictionary ?? v1 ?? v2;
    offset += reader.offset;
    if (!isCount(packed) || !isCount(size) || packed > bytes.length - offset || size > MAX_PAGE_BYTES)
      throw new Error('a page has no possible size');
    if (page) {
      const { num_values: count, encoding } = page;
      if (!isCount(count) || count > MAX_VALUES) throw new Error(`a page has ${count} values`);
      if (!ENCODINGS.includes(encoding)) throw new Error(`the encoding ${encoding} is not read`);
      if (!dictionary) {
        const body = bytes.subarray(offset, offset + packed);
        const unpack = (part: Uint8Array, length: number): Uint8Array =>
          COMPRESSORS[column.codec]?.(part, length) ?? part;
        if (v1) checkV1(unpack(body, size), count, encoding, levels);
        else if (v2) {
          const inLevels = [v2.repetition_levels_byte_length, v2.definition_levels_byte_length];
          const before = inLevels[0] + inLevels[1];
          if (!inLevels.every(isCount) || before > Math.min(packed, size))
            throw new Error('a page has no possible levels');
          let at = 0;
          inLevels.forEach((length, i) => {
            if (levels[i] > 0) checkRuns(body, at, at + length, widthOf(levels[i]), count);
            at += length;
          });
          const rest = body.subarray(before);
          const isPacked = v2.is_compressed !== false && rest.length > 0;
          checkValues(isPacked ? unpack(rest, size - before) : rest, 0, count, encoding);
        }
        values += count;
      }
    }
    offset += packed;
    unpacked += size;
  }
  return { values, unpacked };
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
const widthOf = (max: number): number => Math.ceil(Math.log2(max + 1));
const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Levels of repetition and definition, each after its length, then values. */
function checkV1(page: Uint8Array, count: number, encoding: string, levels: readonly number[]): void {
  let at = 0;
  for (const max of levels) {
    if (max === 0) continue;
    const end = at + 4 + viewOf(page).getUint32(at, true);
    checkRuns(page, at + 4, end, widthOf(max), count);
    at = end;
  }
  checkValues(page, at, count, encoding);
}

function checkValues(page: Uint8Array, at: number, count: number, encoding: string): void {
  if (at >= page.length) return;
  if (encoding.endsWith('_DICTIONARY')) checkRuns(page, at + 1, page.length, page[at], count);
  else if (encoding === 'RLE') checkRuns(page, at + 4, page.length, 1, count);
}

/** Runs of equal values and groups of eight packed ones, until there are enough. */
function checkRuns(page: Uint8Array, from: number, end: number, width: number, count: number): void {
  if (end > page.length || width > MAX_WIDTH) throw new Error('a page has no possible levels');
  let at = from;
  for (let seen = 0; seen < count && at < end;) {
    let header = 0;
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      if (at >= end || shift > 28) throw new Error('a run is incomplete');
      byte = page[at++];
      header += (byte & 0x7f) * 2 ** shift;
    }
    const isPacked = header % 2 === 1;
    const run = Math.floor(header / 2) * (isPacked ? 8 : 1);
    if (run === 0 || run > count + PADDING) throw new Error(`a page of ${count} values has a run of ${run}`);
    at += isPacked ? (run / 8) * width : Math.ceil(width / 8);
    seen += run;
  }
}
