/** Reads values one after the other from a file, in large steps, and never past its end. Little-endian. */
import { GraftError } from '../../errors.ts';
import type { ByteSource } from '../bytes.ts';

/** Bytes that are read ahead: a header has 10 kB to 10 MB. */
const STEP_BYTES = 1 << 20;

export class ByteReader {
  #buffer = new Uint8Array(0);
  #view = new DataView(this.#buffer.buffer);
  /** Where the buffer starts in the file. */
  #start = 0;
  /** In the buffer. */
  #at = 0;
  readonly #text = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(readonly source: ByteSource) {}

  /** Bytes from the file's start. */
  get position(): number {
    return this.#start + this.#at;
  }

  get remaining(): number {
    return this.source.size - this.position;
  }

  /** Makes `count` bytes available to the readers below, which must be called after it. Throws `gguf` if the file does not have that many. */
  need(count: number): Promise<void> | undefined {
    return this.#at + count <= this.#buffer.length ? undefined : this.#fill(count);
  }

  async #fill(count: number): Promise<void> {
    const start = this.position;
    if (count > this.remaining) {
      throw new GraftError(
        'gguf',
        `${this.source.name} ends inside its header: ${count} bytes are missing at byte ${start} of ${this.source.size}.`,
        'The file is incomplete: fetch it again.',
      );
    }
    const end = Math.min(this.source.size, start + Math.max(count, STEP_BYTES));
    this.#buffer = await this.source.read(start, end);
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.byteLength);
    this.#start = start;
    this.#at = 0;
  }

  /** The result of `read` for the next `size` bytes. */
  number(size: number, read: (view: DataView, at: number) => number | bigint): number | bigint {
    const value = read(this.#view, this.#at);
    this.#at += size;
    return value;
  }

  u32(): number {
    return Number(this.number(4, (view, at) => view.getUint32(at, true)));
  }

  u64(): bigint {
    return BigInt(this.number(8, (view, at) => view.getBigUint64(at, true)));
  }

  /** UTF-8 with its byte order mark, which may be a token; invalid bytes become U+FFFD, as in other readers. */
  text(length: number): string {
    const bytes = this.#buffer.subarray(this.#at, (this.#at += length));
    return this.#text.decode(bytes);
  }
}
