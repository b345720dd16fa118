/**
 * The header of a GGUF file: metadata, and where each tensor lies. Every count is compared with the bytes that are left before anything of
 * its size is made, and every tensor with the file.
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. (@huggingface/gguf is the tests' second opinion and not the parser: it drops byte
 * order marks, which are tokens of Llama and Gemma, cuts a text that crosses one of its reads, and takes what lies past the end for zeros.)
 */
import { GraftError } from '../../errors.ts';
import type { BlockType } from '../blocks.ts';
import type { ByteSource } from '../bytes.ts';
import { storedBytes, type Dtype, type StoredType } from '../dtypes.ts';
import { Metadata, type MetadataScalar, type MetadataValue } from './metadata.ts';
import { ByteReader } from './reader.ts';

/** The values of `ggml_type` that are read and written. */
export const TENSOR_TYPES: Readonly<Record<number, Dtype | BlockType>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  20: 'IQ4_NL',
  23: 'IQ4_XS',
  30: 'BF16',
};

type Scalar = readonly [bytes: number, read: (view: DataView, at: number) => number | bigint];

/** Numbers of `gguf_metadata_value_type`; BOOL, STRING and ARRAY have their own rules. */
const NUMBER_TYPES: Readonly<Record<number, Scalar>> = {
  0: [1, (view, at) => view.getUint8(at)],
  1: [1, (view, at) => view.getInt8(at)],
  2: [2, (view, at) => view.getUint16(at, true)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [4, (view, at) => view.getUint32(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getFloat32(at, true)],
  10: [8, (view, at) => view.getBigUint64(at, true)],
  11: [8, (view, at) => view.getBigInt64(at, true)],
  12: [8, (view, at) => view.getFloat64(at, true)],
};
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

/** The largest open models have some ten thousand tensors, and fifty entries of metadata. */
const MAX_TENSORS = 100_000;
const MAX_ENTRIES = 10_000;
const MAX_NAME_BYTES = 1024;
/** A chat template has 20 kB. */
const MAX_TEXT_BYTES = 1 << 22;
/** Gemma 3 has 262,144 tokens and 514,906 merges. */
const MAX_ITEMS = 1 << 22;
const MAX_NESTING = 2;
/** ggml's own limit. */
const MAX_DIMENSIONS = 4;
const MAX_ALIGNMENT = 1 << 16;
const DEFAULT_ALIGNMENT = 32;
/** A tensor takes at least this much of the header, an entry of metadata this much. */
const MIN_TENSOR = 24;
const MIN_ENTRY = 13;

export interface GgufTensor {
  /** As in the file: `blk.0.attn_q.weight`. */
  readonly name: string;
  readonly type: StoredType;
  /** Row-major: the reverse of the file's order. */
  readonly shape: readonly number[];
  /** Bytes from the file's start. */
  readonly start: number;
  readonly byteLength: number;
}

export interface GgufHeader {
  readonly source: ByteSource;
  readonly metadata: Metadata;
  /** Where the value of each entry lies in the file, with its type, which {@link metadata} leaves out. */
  readonly places: ReadonlyMap<string, readonly [start: number, end: number]>;
  readonly tensors: readonly GgufTensor[];
}

class HeaderReader {
  readonly #reader: ByteReader;

  constructor(readonly source: ByteSource) {
    this.#reader = new ByteReader(source);
  }

  broken(what: string): GraftError {
    return new GraftError(
      'gguf',
      `${this.source.name}: ${what}.`,
      'The file is damaged or incomplete: fetch it again.',
    );
  }

  async read(): Promise<GgufHeader> {
    const [tensorCount, entryCount] = await this.#start();
    const entries = new Map<string, MetadataValue>();
    const places = new Map<string, readonly [number, number]>();
    for (let i = 0; i < entryCount; i++) {
      const key = await this.#text(MAX_NAME_BYTES, `the key of entry ${i}`);
      if (entries.has(key)) throw this.broken(`it has the metadata ${key} twice`);
      await this.#reader.need(4);
      const start = this.#reader.position;
      entries.set(key, await this.#value(this.#reader.u32(), key, 0));
      places.set(key, [start, this.#reader.position]);
    }
    const metadata = new Metadata(this.source.name, entries);
    const described: GgufTensor[] = [];
    for (let i = 0; i < tensorCount; i++) described.push(await this.#tensor(i));
    return { source: this.source, metadata, places, tensors: this.#place(described, metadata) };
  }

  /** Magic, version and the two counts. */
  async #start(): Promise<[tensors: number, entries: number]> {
    const reader = this.#reader;
    await reader.need(24);
    if (reader.u32() !== 0x46554747) throw this.broken('it does not start with "GGUF"');
    const version = reader.u32();
    if (version !== 2 && version !== 3) {
      const bigEndian = version === 0x02000000 || version === 0x03000000;
      throw new GraftError(
        'gguf-unsupported',
        `${this.source.name}: ${bigEndian ? 'its numbers are big-endian' : `GGUF version ${version} is not read`}.`,
        'Use a little-endian file of version 2 or 3.',
      );
    }
    return [
      this.#count(reader.u64(), MIN_TENSOR, MAX_TENSORS, 'tensors'),
      this.#count(reader.u64(), MIN_ENTRY, MAX_ENTRIES, 'entries of metadata'),
    ];
  }

  /** Reads a count that must fit in the rest of the file. */
  #count(value: bigint, leastBytes: number, max: number, what: string): number {
    if (value > max || Number(value) * leastBytes > this.#reader.remaining)
      throw this.broken(`it declares ${value} ${what} with ${this.#reader.remaining} bytes left`);
    return Number(value);
  }

  async #text(max: number, what: string): Promise<string> {
    await this.#reader.need(8);
    const length = this.#count(this.#reader.u64(), 1, max, `bytes of text in ${what}`);
    await this.#reader.need(length);
    return this.#reader.text(length);
  }

  async #value(type: number, key: string, nesting: number): Promise<MetadataValue> {
    if (type === STRING) return this.#text(MAX_TEXT_BYTES, key);
    if (type === ARRAY) return this.#list(key, nesting);
    const [bytes] = this.#scalarType(type, key);
    await this.#reader.need(bytes);
    return this.#scalar(type, key);
  }

  async #list(key: string, nesting: number): Promise<MetadataValue> {
    await this.#reader.need(12);
    const type = this.#reader.u32();
    const leastBytes = type === STRING ? 8 : type === ARRAY ? 12 : this.#scalarType(type, key)[0];
    const count = this.#count(this.#reader.u64(), leastBytes, MAX_ITEMS, `items in ${key}`);
    if (type === ARRAY && nesting >= MAX_NESTING) throw this.broken(`${key} nests too deeply`);
    const items: MetadataValue[] = [];
    if (type === STRING || type === ARRAY) {
      for (let i = 0; i < count; i++) items.push(await this.#value(type, key, nesting + 1));
      return items;
    }
    await this.#reader.need(count * leastBytes);
    for (let i = 0; i < count; i++) items.push(this.#scalar(type, key));
    return items;
  }

  #scalarType(type: number, key: string): Scalar {
    if (type === BOOL) return NUMBER_TYPES[0];
    const scalar = Object.hasOwn(NUMBER_TYPES, type) ? NUMBER_TYPES[type] : undefined;
    if (!scalar) throw this.broken(`${key} has the unknown type ${type}`);
    return scalar;
  }

  #scalar(type: number, key: string): MetadataScalar {
    const value = this.#reader.number(...this.#scalarType(type, key));
    return type === BOOL ? value !== 0 : value;
  }

  /** A description; `start` is still relative to the data. */
  async #tensor(index: number): Promise<GgufTensor> {
    const reader = this.#reader;
    const name = await this.#text(MAX_NAME_BYTES, `the name of tensor ${index}`);
    await reader.need(4);
    const dimensions = reader.u32();
    if (dimensions > MAX_DIMENSIONS) throw this.broken(`tensor ${name} has ${dimensions} dimensions`);
    await reader.need(8 * dimensions + 12);
    const sizes = Array.from({ length: dimensions }, () => Number(reader.u64()));
    const type = reader.u32();
    const start = Number(reader.u64());
    const shape = sizes.reverse();
    if (!Object.hasOwn(TENSOR_TYPES, type)) {
      throw new GraftError(
        'gguf-unsupported',
        `${this.source.name}: tensor ${name} has the number format ${type}, which is not read.`,
        'Use a file in Q8_0, Q4_0, Q4_K_M, F16 or BF16.',
      );
    }
    const byteLength = storedBytes(TENSOR_TYPES[type], shape);
    if (!shape.every((size) => size > 0) || !Number.isSafeInteger(byteLength))
      throw this.broken(`tensor ${name} has the shape [${shape.join(', ')}] in ${TENSOR_TYPES[type]}`);
    return { name, type: TENSOR_TYPES[type], shape, start, byteLength };
  }

  /** Checks the tensors: inside the file, aligned, without overlap, each name once. */
  #place(described: readonly GgufTensor[], metadata: Metadata): GgufTensor[] {
    const alignment = metadata.number('general.alignment') ?? DEFAULT_ALIGNMENT;
    if (!Number.isInteger(Math.log2(alignment)) || alignment < 1 || alignment > MAX_ALIGNMENT)
      throw this.broken(`its alignment is ${alignment}`);
    const data = Math.ceil(this.#reader.position / alignment) * alignment;
    const names = new Set<string>();
    let free = data;
    return described
      .map((tensor) => ({ ...tensor, start: data + tensor.start }))
      .sort((a, b) => a.start - b.start)
      .map((tensor) => {
        const { name, start, byteLength } = tensor;
        if (names.has(name)) throw this.broken(`it has the tensor ${name} twice`);
        names.add(name);
        if (start % alignment !== 0) throw this.broken(`tensor ${name} starts at byte ${start}, not aligned`);
        if (start < free) throw this.broken(`tensor ${name} lies on another one`);
        free = start + byteLength;
        if (!(free <= this.source.size))
          throw this.broken(`tensor ${name} ends at byte ${free} of a file of ${this.source.size}`);
        return tensor;
      });
  }
}

/**
 * Reads and checks a header, as far as it goes and little more.
 *
 * @throws GraftError `gguf` (damaged), `gguf-unsupported` (a version or number format that is not read), `bytes-read`
 */
export function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  return new HeaderReader(source).read();
}
