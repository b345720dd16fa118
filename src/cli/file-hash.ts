/** The hash of a large file of data in a thread, while the command divides its rows and loads the model. */
import { Worker } from 'node:worker_threads';
import type { Bytes } from '../data/lines.ts';
import { FileBytes } from './files.ts';

/** A smaller file is hashed sooner than a thread starts. */
const LARGE_BYTES = 2 ** 26;

/** @returns the SHA-256 in hex, once the file is read; undefined if it was not, or if it could not be */
export type FileHash = () => Promise<string | undefined>;

/** Starts to hash the bytes of a large file. @returns undefined for others, which are hashed when it is asked for */
export function startFileHash(bytes: Bytes): FileHash | undefined {
  if (!(bytes instanceof FileBytes) || bytes.length < LARGE_BYTES) return undefined;
  const { handle, length } = bytes;
  const worker = new Worker(new URL('./hash-thread.mjs', import.meta.url), {
    workerData: { handle, length },
  });
  const ended = new Promise<string | undefined>((resolve) => {
    worker.once('message', resolve);
    // Whoever reads the file then says what is wrong with it.
    worker.once('error', () => resolve(undefined));
    worker.once('exit', () => resolve(undefined));
  });
  // A command that fails does not wait for it.
  worker.unref();
  return () => {
    worker.ref();
    return ended;
  };
}
