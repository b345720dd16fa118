/** Writes small GGUF files, right ones and wrong ones. */

type Value =
  | { u32: number }
  | { u64: bigint }
  | { f32: number }
  | { flag: boolean }
  | { text: string }
  | { texts: readonly string[] }
  | { ints: readonly number[] }
  | { floats: readonly number[] };

export interface TensorToWrite {
  name: string;
  /** Row-major. */
  shape: readonly number[];
  /** The number of a ggml type. */
  type: number;
  data: Uint8Array;
  /** From the data's start; default: after the previous tensor. */
  offset?: number;
}

class Writer {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  number(bytes: number, write: (view: DataView) => void): this {
    const view = new DataView(new ArrayBuffer(bytes));
    write(view);
    return this.raw(new Uint8Array(view.buffer));
  }

  u32(value: number): this {
    return this.number(4, (view) => view.setUint32(0, value, true));
  }

  u64(value: bigint | number): this {
    return this.number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  f32(value: number): this {
    return this.number(4, (view) => view.setFloat32(0, value, true));
  }

  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  pad(alignment: number): this {
    while (this.length % alignment) this.#bytes.push(0);
    return this;
  }

  list<T>(type: number, items: readonly T[], write: (item: T) => void): void {
    this.u32(9).u32(type).u64(items.length);
    items.forEach(write);
  }

  value(value: Value): void {
    if ('u32' in value) this.u32(4).u32(value.u32);
    else if ('u64' in value) this.u32(10).u64(value.u64);
    else if ('f32' in value) this.u32(6).f32(value.f32);
    else if ('flag' in value) this.u32(7).raw(Uint8Array.of(value.flag ? 1 : 0));
    else if ('text' in value) this.u32(8).text(value.text);
    else if ('texts' in value) this.list(8, value.texts, (item) => this.text(item));
    else if ('ints' in value)
      this.list(5, value.ints, (item) => this.number(4, (view) => view.setInt32(0, item, true)));
    else this.list(6, value.floats, (item) => this.f32(item));
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }
}

export interface GgufToWrite {
  metadata?: Readonly<Record<string, Value>>;
  tensors?: readonly TensorToWrite[];
  version?: number;
  tensorCount?: bigint;
  entryCount?: bigint;
}

export function ggufFile({
  metadata = {},
  tensors = [],
  version = 3,
  tensorCount = BigInt(tensors.length),
  entryCount = BigInt(Object.keys(metadata).length),
}: GgufToWrite): Uint8Array<ArrayBuffer> {
  const out = new Writer()
    .raw(new TextEncoder().encode('GGUF'))
    .u32(version)
    .u64(tensorCount)
    .u64(entryCount);
  for (const [key, value] of Object.entries(metadata)) out.text(key).value(value);
  const data = new Writer();
  for (const { name, shape, type, data: bytes, offset = data.length } of tensors) {
    out.text(name).u32(shape.length);
    for (const size of [...shape].reverse()) out.u64(size);
    out.u32(type).u64(offset);
    data.raw(bytes).pad(32);
  }
  return out.pad(32).raw(data.bytes()).bytes();
}
