/**
 * A zip that is made of references: files are not copied into it but referred to as blobs, so that a zip of gigabytes takes
 * no memory. Layout: APPNOTE 6.3, with the 64-bit fields if numbers need them (4.5.3).
 */
import { crc32 } from './crc32.ts';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
/** Names are UTF-8. */
const UTF8 = 0x0800;
const STORED = 0;
const DEFLATED = 8;
/** The value that says that a number is in the 64-bit fields instead. */
const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
/** 1980-01-01, the first date of the format: packed files have no date of their own. */
const DATE = 0x21;
/** Bytes that are summed at once. */
const CHUNK = 4 * 2 ** 20;

interface Entry {
  readonly name: Uint8Array<ArrayBuffer>;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

export class ZipWriter {
  readonly #parts: BlobPart[] = [];
  readonly #entries: Entry[] = [];
  #offset = 0;

  /** Bytes so far. */
  get size(): number {
    return this.#offset;
  }

  /** Adds text, packed. */
  async text(name: string, text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
    this.#add(name, DEFLATED, crc32(bytes), bytes.byteLength, await new Response(packed).blob());
  }

  /**
   * Adds bytes without packing: tensors do not get smaller.
   *
   * @param onRead is called with how many more bytes were summed; what it throws ends the work
   */
  async file(
    name: string,
    file: Blob,
    onRead: (bytes: number) => void | Promise<void> = () => undefined,
  ): Promise<void> {
    let crc = 0;
    for (let start = 0; start < file.size; start += CHUNK) {
      const bytes = new Uint8Array(await file.slice(start, start + CHUNK).arrayBuffer());
      crc = crc32(bytes, crc);
      await onRead(bytes.byteLength);
    }
    this.#add(name, STORED, crc, file.size, file);
  }

  /** Adds bytes without packing whose checksum is known: they are not read. */
  summed(name: string, file: Blob, crc: number): void {
    this.#add(name, STORED, crc, file.size, file);
  }

  /** The whole zip, with its directory; in the format of ZIP64 if it has too many files or bytes for the old one. */
  finish(): Blob {
    const start = this.#offset;
    for (const entry of this.#entries) this.#push(central(entry));
    const count = this.#entries.length;
    const size = this.#offset - start;
    if (count >= MAX_16 || size >= MAX_32 || start >= MAX_32) {
      const at = this.#offset;
      this.#push(
        fields(
          [4, END_64],
          [8, 44],
          [2, 45],
          [2, 45],
          [4, 0],
          [4, 0],
          [8, count],
          [8, count],
          [8, size],
          [8, start],
        ),
      );
      this.#push(fields([4, LOCATOR_64], [4, 0], [8, at], [4, 1]));
    }
    const short = Math.min(count, MAX_16);
    this.#push(
      fields(
        [4, END],
        [2, 0],
        [2, 0],
        [2, short],
        [2, short],
        [4, Math.min(size, MAX_32)],
        [4, Math.min(start, MAX_32)],
        [2, 0],
      ),
    );
    return new Blob(this.#parts, { type: 'application/zip' });
  }

  #add(path: string, method: number, crc: number, size: number, data: Blob): void {
    const name = new TextEncoder().encode(path);
    const entry: Entry = { name, method, crc, packed: data.size, size, offset: this.#offset };
    this.#entries.push(entry);
    const large = Math.max(size, data.size) >= MAX_32;
    const extra = large ? fields([2, 1], [2, 16], [8, size], [8, data.size]) : new Uint8Array(0);
    this.#push(
      fields(
        [4, LOCAL],
        [2, large ? 45 : 20],
        [2, UTF8],
        [2, method],
        [2, 0],
        [2, DATE],
        [4, crc],
        [4, large ? MAX_32 : data.size],
        [4, large ? MAX_32 : size],
        [2, name.byteLength],
        [2, extra.byteLength],
      ),
    );
    this.#push(name);
    this.#push(extra);
    this.#parts.push(data);
    this.#offset += data.size;
  }

  #push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#parts.push(bytes);
    this.#offset += bytes.byteLength;
  }
}

function central({ name, method, crc, packed, size, offset }: Entry): Uint8Array<ArrayBuffer> {
  const large = Math.max(size, packed, offset) >= MAX_32;
  const extra = large ? fields([2, 1], [2, 24], [8, size], [8, packed], [8, offset]) : new Uint8Array(0);
  const head = fields(
    [4, CENTRAL],
    [2, 45],
    [2, large ? 45 : 20],
    [2, UTF8],
    [2, method],
    [2, 0],
    [2, DATE],
    [4, crc],
    [4, large ? MAX_32 : packed],
    [4, large ? MAX_32 : size],
    [2, name.byteLength],
    [2, extra.byteLength],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, large ? MAX_32 : offset],
  );
  const whole = new Uint8Array(head.byteLength + name.byteLength + extra.byteLength);
  whole.set(head);
  whole.set(name, head.byteLength);
  whole.set(extra, head.byteLength + name.byteLength);
  return whole;
}

/** Little-endian numbers one after the other, each as [bytes, value]. */
function fields(...list: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(list.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of list) {
    if (bytes === 2) view.setUint16(at, value, true);
    else if (bytes === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}
