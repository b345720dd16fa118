/** Writes a GGUF file of version 3: metadata, and tensors of f32. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. */

type WrittenEntry =
  readonly [key: string, type: 'text', value: string] | readonly [key: string, type: 'f32', value: number];

export interface WrittenTensor {
  readonly name: string;
  /** Row-major. */
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

const VERSION = 3;
const ALIGNMENT = 32;
/** Numbers of `gguf_metadata_value_type`, and F32's of `ggml_type`. */
const FLOAT32 = 6;
const STRING = 8;
const TENSOR_F32 = 0;

const aligned = (size: number): number => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

/** The parts of a file, one after the other. */
export function writeGguf(
  entries: readonly WrittenEntry[],
  tensors: readonly WrittenTensor[],
): Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const number = (bytes: number, put: (view: DataView) => void): void => {
    const part = new Uint8Array(bytes);
    put(new DataView(part.buffer));
    parts.push(part);
  };
  const u32 = (value: number): void => number(4, (view) => view.setUint32(0, value, true));
  const u64 = (value: number): void => number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  const text = (value: string): void => {
    const bytes = new TextEncoder().encode(value);
    u64(bytes.length);
    parts.push(bytes);
  };
  const pad = (size: number): void => {
    parts.push(new Uint8Array(aligned(size) - size));
  };

  parts.push(new TextEncoder().encode('GGUF'));
  u32(VERSION);
  u64(tensors.length);
  u64(entries.length);
  for (const [key, type, value] of entries) {
    text(key);
    u32(type === 'text' ? STRING : FLOAT32);
    if (type === 'text') text(value);
    else number(4, (view) => view.setFloat32(0, value, true));
  }
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    text(name);
    u32(shape.length);
    // The fastest dimension comes first there.
    for (const size of [...shape].reverse()) u64(size);
    u32(TENSOR_F32);
    u64(offset);
    offset += aligned(data.byteLength);
  }
  pad(parts.reduce((sum, { length }) => sum + length, 0));
  for (const { data } of tensors) {
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    pad(data.byteLength);
  }
  return parts;
}
