/** Writes a GGUF file of version 3: metadata and tensors. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. */
import { type StoredType, storedBytes } from '../dtypes.ts';
import { concatBytes } from '../safetensors.ts';
import { TENSOR_TYPES } from './header.ts';

export type WrittenEntry =
  | readonly [key: string, type: 'text', value: string]
  | readonly [key: string, type: 'f32' | 'u32', value: number]
  | readonly [key: string, type: 'flag', value: boolean]
  | readonly [key: string, type: 'texts', value: readonly string[]]
  | readonly [key: string, type: 'i32s' | 'f32s', value: readonly number[]]
  /** The value of another file, with its type. */
  | readonly [key: string, type: 'raw', value: Uint8Array<ArrayBuffer>];

/** A tensor in the header of a file. */
export interface PlannedTensor {
  readonly name: string;
  readonly type: StoredType;
  /** Row-major. */
  readonly shape: readonly number[];
}

export interface GgufTensorToWrite extends Omit<PlannedTensor, 'type'> {
  readonly data: Float32Array<ArrayBuffer>;
}

const VERSION = 3;
const ALIGNMENT = 32;
/** Numbers of `gguf_metadata_value_type`. */
const VALUE = { u32: 4, i32: 5, f32: 6, flag: 7, text: 8, list: 9 } as const;
const TYPE_NUMBERS = new Map(Object.entries(TENSOR_TYPES).map(([number, type]) => [type, Number(number)]));

/** Bytes that a part of a file takes with the padding after it. */
export const alignedSize = (size: number): number => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

/** The bytes that follow a part of this size. */
export const padding = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(alignedSize(size) - size);

/** Collects little-endian values. */
class Parts {
  readonly all: Uint8Array<ArrayBuffer>[] = [];

  number(bytes: number, put: (view: DataView) => void): void {
    const part = new Uint8Array(bytes);
    put(new DataView(part.buffer));
    this.all.push(part);
  }

  u32(value: number): void {
    this.number(4, (view) => view.setUint32(0, value, true));
  }

  u64(value: number): void {
    this.number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length);
    this.all.push(bytes);
  }

  list(type: number, length: number): void {
    this.u32(VALUE.list);
    this.u32(type);
    this.u64(length);
  }

  entry(entry: WrittenEntry): void {
    this.text(entry[0]);
    switch (entry[1]) {
      case 'text':
        this.u32(VALUE.text);
        return this.text(entry[2]);
      case 'u32':
        this.u32(VALUE.u32);
        return this.u32(entry[2]);
      case 'f32':
        this.u32(VALUE.f32);
        return this.number(4, (view) => view.setFloat32(0, entry[2], true));
      case 'flag':
        this.u32(VALUE.flag);
        return this.number(1, (view) => view.setUint8(0, entry[2] ? 1 : 0));
      case 'texts':
        this.list(VALUE.text, entry[2].length);
        return entry[2].forEach((value) => this.text(value));
      case 'i32s':
        this.list(VALUE.i32, entry[2].length);
        return void this.all.push(new Uint8Array(Int32Array.from(entry[2]).buffer));
      case 'f32s':
        this.list(VALUE.f32, entry[2].length);
        return void this.all.push(new Uint8Array(Float32Array.from(entry[2]).buffer));
      case 'raw':
        return void this.all.push(entry[2]);
    }
  }
}

/**
 * Everything before the tensors, whose bytes follow in this order, each with its {@link padding}.
 *
 * @param tensors of types that GGUF has; shapes with rows first, which the file has in reverse
 */
export function ggufHeader(
  entries: readonly WrittenEntry[],
  tensors: readonly PlannedTensor[],
): Uint8Array<ArrayBuffer> {
  const parts = new Parts();
  parts.all.push(new TextEncoder().encode('GGUF'));
  parts.u32(VERSION);
  parts.u64(tensors.length);
  parts.u64(entries.length);
  for (const entry of entries) parts.entry(entry);
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    parts.text(name);
    parts.u32(shape.length);
    // The fastest dimension comes first there.
    for (const size of [...shape].reverse()) parts.u64(size);
    parts.u32(TYPE_NUMBERS.get(type)!);
    parts.u64(offset);
    offset += alignedSize(storedBytes(type, shape));
  }
  parts.all.push(padding(parts.all.reduce((sum, { length }) => sum + length, 0)));
  return concatBytes(parts.all);
}

/** The parts of a file of f32 tensors, one after the other; shapes with rows first. */
export function writeGguf(
  entries: readonly WrittenEntry[],
  tensors: readonly GgufTensorToWrite[],
): Uint8Array<ArrayBuffer>[] {
  const header = ggufHeader(
    entries,
    tensors.map(({ name, shape }) => ({ name, shape, type: 'F32' })),
  );
  return [
    header,
    ...tensors.flatMap(({ data }) => [
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      padding(data.byteLength),
    ]),
  ];
}
