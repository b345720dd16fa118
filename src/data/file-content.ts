/** The content of a file of rows: in memory, or where the browser keeps it, from where it is read in windows. */
import { GraftError, messageOf } from '../errors.ts';
import { WordCache } from '../text/tokenizer-cache.ts';
import type { Bytes } from './lines.ts';

/** A larger file is not held in memory. */
export const HELD_BYTES = 4 * 2 ** 20;

export type FileContent = Uint8Array<ArrayBuffer> | Blob;

/** Its size in bytes. */
export const contentSize = (content: FileContent): number =>
  content instanceof Blob ? content.size : content.byteLength;

/** Bytes that are read at once where few are asked for: a call of the browser takes as long for one row. */
const BLOCK_BYTES = 2 ** 16;
/** Blocks that are kept at least, once there are as many: at most twice this. */
const KEPT_BLOCKS = 256;

/** The bytes of a file that the browser keeps, read as they are asked for: only a worker can wait for them. */
class BlobBytes implements Bytes {
  #blob: Blob;
  readonly #reader = new FileReaderSync();
  readonly #blocks = new WordCache<Uint8Array, number>(KEPT_BLOCKS);

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  get length(): number {
    return this.#blob.size;
  }

  /** Reads from another place from now on. @param blob with the same bytes */
  moveTo(blob: Blob): void {
    this.#blob = blob;
  }

  /** @throws GraftError `file-gone` */
  subarray(start: number, end = this.length): Uint8Array {
    const last = Math.max(start, Math.min(end, this.length));
    const first = Math.floor(start / BLOCK_BYTES);
    if (last <= (first + 1) * BLOCK_BYTES) return this.#part(first, start, last);
    if (last - start > BLOCK_BYTES) return this.#read(start, last);
    const between = (first + 1) * BLOCK_BYTES;
    const bytes = new Uint8Array(last - start);
    bytes.set(this.#part(first, start, between));
    bytes.set(this.#part(first + 1, between, last), between - start);
    return bytes;
  }

  /** A part of one block. */
  #part(block: number, start: number, end: number): Uint8Array {
    const from = block * BLOCK_BYTES;
    let bytes = this.#blocks.get(block);
    if (!bytes) {
      bytes = this.#read(from, Math.min(this.length, from + BLOCK_BYTES));
      this.#blocks.put(block, bytes);
    }
    return bytes.subarray(start - from, end - from);
  }

  #read(start: number, end: number): Uint8Array {
    try {
      return new Uint8Array(this.#reader.readAsArrayBuffer(this.#blob.slice(start, end)));
    } catch (cause) {
      throw gone(this.#blob, cause);
    }
  }
}

const opened = new WeakMap<Blob, BlobBytes>();

/** The bytes of a file. In a worker only, if the file is not in memory. */
export function bytesOf(content: FileContent): Bytes {
  if (!(content instanceof Blob)) return content;
  const known = opened.get(content) ?? new BlobBytes(content);
  opened.set(content, known);
  return known;
}

/** Reads a file from where it is kept now, so that it may change where it came from. @param kept with the same bytes */
export function readFrom(content: FileContent, kept: FileContent): void {
  if (content instanceof Blob && kept instanceof Blob) opened.get(content)?.moveTo(kept);
}

/** Bytes that come in pieces as a file that is not in memory. */
export async function blobOf(pieces: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<Blob> {
  const parts: Blob[] = [];
  // A piece of a blob may be put on disk; one of an array of bytes waits for the rest.
  for await (const piece of pieces) parts.push(new Blob([piece]));
  return new Blob(parts);
}

/** Text of rows that is put away at once. */
const SPILLED_AT_ONCE = 4 * 2 ** 20;

/** Rows that are put away where the browser keeps files, since no part of their own file is a row. */
export class SpillBlob {
  readonly #encoder = new TextEncoder();
  #parts: BlobPart[] = [];
  #waiting: string[] = [];
  #waitingChars = 0;
  #whole: Bytes | undefined;
  /** All rows that were added. */
  readonly bytes = {
    length: 0,
    subarray: (start: number, end?: number) => this.#read().subarray(start, end),
  };

  /** @returns its first byte, and how many it has */
  add(text: string): { readonly start: number; readonly length: number } {
    const start = this.bytes.length;
    const { length } = this.#encoder.encode(text);
    this.bytes.length += length;
    this.#waiting.push(text);
    this.#waitingChars += text.length;
    if (this.#waitingChars >= SPILLED_AT_ONCE) this.#put();
    return { start, length };
  }

  #put(): void {
    this.#parts.push(new Blob(this.#waiting));
    this.#waiting = [];
    this.#waitingChars = 0;
    this.#whole = undefined;
  }

  #read(): Bytes {
    if (this.#waiting.length > 0) this.#put();
    return (this.#whole ??= bytesOf(new Blob(this.#parts)));
  }
}

/** A part of a file. @throws GraftError `file-gone` */
export async function readPart(
  content: FileContent,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(content instanceof Blob)) return content.slice(start, end);
  try {
    return new Uint8Array(await content.slice(start, end).arrayBuffer());
  } catch (cause) {
    throw gone(content, cause);
  }
}

function gone(content: Blob, cause: unknown): GraftError {
  const name = content instanceof File ? content.name : 'The file of these rows';
  return new GraftError(
    'file-gone',
    `${name} could not be read: ${messageOf(cause)}`,
    'Choose it again; it may have moved or changed on disk.',
    { cause },
  );
}
