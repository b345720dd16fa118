/** Rows of a file that cannot be read one by one, in a temporary file: as lines of JSON, which are read as they are asked for. It is gone when the command ends. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bytes } from '../data/lines.ts';
import { unwritten } from './files.ts';

/** Rows are written when they are so many bytes together. */
const WRITTEN_AT_ONCE = 2 ** 20;

function makeTemporary(): string {
  const path = join(tmpdir(), 'graft-rows-');
  try {
    return mkdtempSync(path);
  } catch (cause) {
    throw unwritten(path, cause);
  }
}

export class SpillFile {
  readonly #path: string;
  readonly #handle: number;
  #length = 0;
  #written = 0;
  #waiting: Buffer[] = [];

  /** @throws GraftError `file-write` */
  constructor() {
    const folder = makeTemporary();
    this.#path = join(folder, 'rows.jsonl');
    try {
      this.#handle = openSync(this.#path, 'w+');
    } catch (cause) {
      throw unwritten(this.#path, cause);
    }
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    // Without a name it is gone with the process, however that ends. Windows removes no file that is open.
    if (process.platform !== 'win32') remove();
    else
      process.once('exit', () => {
        closeSync(this.#handle);
        remove();
      });
  }

  /** What was added, a row a line. */
  get bytes(): Bytes {
    return { length: this.#length, subarray: (start, end = this.#length) => this.#read(start, end) };
  }

  /** @throws GraftError `file-write` */
  add(text: string): { readonly start: number; readonly length: number } {
    const line = Buffer.from(`${text}\n`);
    const start = this.#length;
    this.#length += line.length;
    this.#waiting.push(line);
    if (this.#length - this.#written >= WRITTEN_AT_ONCE) this.#write();
    return { start, length: line.length - 1 };
  }

  #write(): void {
    try {
      const bytes = Buffer.concat(this.#waiting);
      this.#waiting = [];
      for (let done = 0; done < bytes.length;)
        done += writeSync(this.#handle, bytes, done, bytes.length - done, this.#written + done);
      this.#written += bytes.length;
    } catch (cause) {
      throw unwritten(this.#path, cause);
    }
  }

  #read(start: number, end: number): Uint8Array {
    if (end > this.#written) this.#write();
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.length;) {
      const read = readSync(this.#handle, bytes, done, bytes.length - done, start + done);
      if (read === 0) throw new Error(`The rows in ${this.#path} end at byte ${start + done}`);
      done += read;
    }
    return bytes;
  }
}
