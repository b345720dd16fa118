/**
 * safetensors: 8 bytes of header length (u64, little-endian), a JSON header, then every tensor's bytes without holes.
 * Format and limits: https://github.com/huggingface/safetensors#format and its reference reader (`safetensors/src/tensor.rs`).
 */
import { GraftError } from '../errors.ts';
import { decodeUtf8, isObject, parseJson } from '../json.ts';
import type { ByteSource } from './bytes.ts';
import { DTYPE_BYTES, isDtype, type Dtype, type StoredType } from './dtypes.ts';

/** The reference reader's limit. */
const MAX_HEADER_BYTES = 100_000_000;
/** A pointer that replaces a large file in a repository (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md): shorter than 1024 bytes. */
const LFS_POINTER = 'version https://git-lfs.github.com/spec/';
const MAX_POINTER_BYTES = 1024;
/** More than any model has; keeps shapes small enough to print. */
const MAX_DIMENSIONS = 16;

export interface TensorEntry {
  readonly name: string;
  /** A GGUF file may have blocks (blocks.ts): `read` returns them unchanged. */
  readonly dtype: StoredType;
  /** Row-major; [] is one number. */
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** The file that holds it, for messages. */
  readonly file: string;
  /** The tensors that it is made of, if the folder has none of this name: their rows in order. */
  readonly parts?: readonly TensorEntry[];
  /** The same matrix transposed, if the file has it transposed. */
  readonly turned?: TensorEntry;
  /** All of its bytes. May be a view that others read too: do not write to it. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** Its bytes [startByte, endByte). Throws `bytes-range` outside of the tensor. */
  readRange(startByte: number, endByte: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A safetensors file has no blocks. */
export interface SafetensorsEntry extends TensorEntry {
  readonly dtype: Dtype;
}

interface SafetensorsFile {
  /** In the header's order. */
  readonly tensors: Map<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

function broken(source: ByteSource, what: string): GraftError {
  return new GraftError(
    'safetensors',
    `${source.name}: ${what}.`,
    'The file is damaged or incomplete: fetch it again.',
  );
}

async function readHeader(
  source: ByteSource,
): Promise<{ header: Record<string, unknown>; dataStart: number }> {
  if (source.size < 8) throw broken(source, `only ${source.size} bytes, too short for safetensors`);
  const first = await source.read(0, 8);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  const pointer = new TextEncoder().encode(LFS_POINTER);
  if (source.size >= pointer.length && source.size < MAX_POINTER_BYTES) {
    const start = await source.read(0, pointer.length);
    if (start.every((byte, i) => byte === pointer[i]))
      throw new GraftError(
        'safetensors',
        `${source.name} is a Git LFS pointer of ${source.size} bytes, and not the weights that it stands for.`,
        'Fetch them with git lfs pull, or the folder with graft fetch.',
      );
  }
  // Checked before anything of that length is asked for.
  if (length > BigInt(MAX_HEADER_BYTES)) throw broken(source, `declares a header of ${length} bytes`);
  const dataStart = 8 + Number(length);
  if (dataStart > source.size) {
    throw broken(source, `declares a header of ${length} bytes in a file of ${source.size}`);
  }
  const where = `The header of ${source.name}`;
  const text = decodeUtf8(await source.read(8, dataStart), where);
  if (!text.startsWith('{')) throw broken(source, 'the header does not start with "{"');
  const header = parseJson(text, where);
  if (!isObject(header)) throw broken(source, 'the header is not a JSON object');
  return { header, dataStart };
}

function readMetadata(source: ByteSource, value: unknown): Map<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (!isObject(value)) throw broken(source, '__metadata__ is not an object');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw broken(source, `__metadata__ has a value that is not a string, at "${key}"`);
    metadata.set(key, text);
  }
  return metadata;
}

interface Described {
  name: string;
  dtype: Dtype;
  shape: number[];
  start: number;
  end: number;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function describe(source: ByteSource, name: string, info: unknown): Described {
  if (!isObject(info)) throw broken(source, `tensor ${name} has no description`);
  const { dtype, shape, data_offsets: offsets } = info;
  if (!isDtype(dtype)) throw broken(source, `tensor ${name} has the unknown type ${JSON.stringify(dtype)}`);
  if (!Array.isArray(shape) || shape.length > MAX_DIMENSIONS || !shape.every(isSize)) {
    throw broken(source, `tensor ${name} has no valid shape`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1]) {
    throw broken(source, `tensor ${name} has no valid data_offsets`);
  }
  const [start, end] = offsets as [number, number];
  const bytes = (shape as number[]).reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
  if (!Number.isSafeInteger(bytes) || bytes !== end - start) {
    throw broken(
      source,
      `tensor ${name}, ${dtype} [${shape.join(', ')}], needs ${bytes} bytes and has ${end - start}`,
    );
  }
  return { name, dtype, shape: shape as number[], start, end };
}

/** Every byte of data belongs to exactly one tensor. */
function checkCoverage(source: ByteSource, tensors: Described[], dataBytes: number): void {
  let covered = 0;
  for (const { name, start, end } of [...tensors].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== covered) {
      throw broken(source, `tensor ${name} starts at byte ${start} of the data instead of byte ${covered}`);
    }
    covered = end;
  }
  if (covered !== dataBytes)
    throw broken(source, `the header describes ${covered} bytes of data and ${dataBytes} are there`);
}

/**
 * Reads and checks a file's header; tensors are read later, when asked for.
 * Throws `safetensors`, `json-encoding`, `json-depth` or `json-syntax`, naming file and tensor. Allocates no more than the header's size.
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const { header, dataStart } = await readHeader(source);
  const described: Described[] = [];
  for (const [name, info] of Object.entries(header)) {
    if (name !== '__metadata__') described.push(describe(source, name, info));
  }
  checkCoverage(source, described, source.size - dataStart);
  const tensors = new Map<string, SafetensorsEntry>();
  for (const { name, dtype, shape, start, end } of described) {
    const byteLength = end - start;
    tensors.set(name, {
      name,
      dtype,
      shape,
      byteLength,
      file: source.name,
      read: () => source.read(dataStart + start, dataStart + end),
      async readRange(from, to) {
        if (!(isSize(from) && isSize(to) && from <= to && to <= byteLength)) {
          throw new GraftError(
            'bytes-range',
            `Bytes ${from} to ${to} of tensor ${name} were asked for, which has ${byteLength}.`,
            'This is a defect of Graft: report it.',
          );
        }
        return source.read(dataStart + start + from, dataStart + start + to);
      },
    });
  }
  return {
    tensors,
    metadata: readMetadata(source, Object.hasOwn(header, '__metadata__') ? header.__metadata__ : undefined),
  };
}

/** The tensors of {@link openSafetensors}, without the metadata. @throws GraftError as {@link openSafetensors} */
export async function parseSafetensors(source: ByteSource): Promise<Map<string, SafetensorsEntry>> {
  return (await openSafetensors(source)).tensors;
}

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Row-major, little-endian; exactly shape × dtype bytes. */
  readonly data: ArrayBufferView;
}

/**
 * The bytes of a file's start: length and header, padded with spaces to a multiple of 8. `data` of the tensors is not looked at.
 *
 * @throws RangeError for a name that two tensors have, or that is `__metadata__`
 */
export function safetensorsHeader(
  tensors: readonly Omit<TensorToWrite, 'data'>[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const header = new Map<string, unknown>();
  if (metadata) header.set('__metadata__', metadata);
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (header.has(name) || name === '__metadata__') throw new RangeError(`tensor name used twice: ${name}`);
    const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
    header.set(name, { dtype, shape, data_offsets: [offset, (offset += bytes)] });
  }
  // Not Object.fromEntries: an object would put names that look like numbers first.
  const json = `{${[...header].map(([name, info]) => `${JSON.stringify(name)}:${JSON.stringify(info)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  return bytes;
}

/**
 * A safetensors file as chunks to be written one after the other: the header, then each tensor's own memory, not copied.
 * Tensors lie in the order given. Throws RangeError if a tensor's data doesn't fit its shape (a defect of the caller).
 */
export function writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  const chunks: Uint8Array[] = [safetensorsHeader(tensors, metadata)];
  for (const { name, dtype, shape, data } of tensors) {
    const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
    if (bytes !== data.byteLength)
      throw new RangeError(`tensor ${name} needs ${bytes} bytes and has ${data.byteLength}`);
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return chunks;
}

/** One array of several. */
export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
