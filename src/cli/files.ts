/** Files of this machine, for the rest of Graft. */
import { randomBytes } from 'node:crypto';
import { existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, statfs, writeFile, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Bytes } from '../data/lines.ts';
import { GraftError, messageOf } from '../errors.ts';
import { checkRange, type ByteSource, type FileSet } from '../weights/bytes.ts';
import { modelFolder } from '../weights/folder.ts';
import { readZipped } from './zip-files.ts';

/** A folder of this machine. @throws GraftError `file-missing` if it is not a folder */
export function folder(path: string): FileSet {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new GraftError(
      'file-missing',
      `${path} is not a folder.`,
      existsSync(path) && /\.zip$/i.test(path)
        ? 'Unpack it, and give the folder that holds its files.'
        : 'Give the path of a folder that exists.',
    );
  }
  return {
    name: path,
    list: () => readdirSync(path),
    open: async (name) => {
      const place = join(path, name);
      // A path through a file does not exist either, and statSync throws for it.
      return existsSync(place) && statSync(place).isFile() ? file(place) : undefined;
    },
  };
}

/**
 * A model of this machine: a folder, or a single GGUF file, which is one.
 *
 * @throws GraftError `file-missing`, or those of a bad GGUF file
 */
export async function modelOf(path: string): Promise<FileSet> {
  if (!/\.gguf$/i.test(path) || !statSync(path, { throwIfNoEntry: false })?.isFile())
    return modelFolder(folder(path));
  const name = basename(path);
  return modelFolder({
    name: path,
    list: () => [name],
    open: async (wanted) => (wanted === name ? file(path) : undefined),
  });
}

/** A file of this machine, opened for each read. */
export function file(path: string): ByteSource {
  const { size } = statSync(path);
  return {
    name: basename(path),
    size,
    async read(start, end) {
      checkRange(path, size, start, end);
      const handle = await open(path);
      try {
        const bytes = new Uint8Array(end - start);
        let done = 0;
        while (done < bytes.length) {
          const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0)
            throw new GraftError(
              'bytes-read',
              `${path} ended at byte ${start + done}.`,
              'It changed while it was read: start again.',
            );
          done += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
    },
  };
}

/** The content of a file that the person named. @throws GraftError `file-missing` */
export async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new GraftError(
      'file-missing',
      `${path} could not be read: ${messageOf(cause)}.`,
      'Give the path of a file that exists.',
      { cause },
    );
  }
}

/** Bytes that are read at once for small pieces that are asked for one after another, and the most between two of them. */
const AHEAD_BYTES = 2 ** 18;
const GAP_BYTES = 2 ** 15;

/** The bytes of a file, read as they are asked for. It stays open until the command ends. */
export class FileBytes implements Bytes {
  /** Bytes that were read ahead. */
  #ahead = Buffer.alloc(0);
  #aheadStart = 0;
  #lastEnd = -1;

  /** @param handle of the file, if it is open */
  constructor(
    readonly path: string,
    readonly length: number,
    readonly handle = openSync(path, 'r'),
  ) {}

  /** @throws GraftError `bytes-read` if the file became shorter */
  subarray(start: number, end = this.length): Uint8Array {
    const last = Math.max(start, Math.min(end, this.length));
    // A row at a time would cost a call of the system for each.
    const isNext = start >= this.#lastEnd && start - this.#lastEnd <= GAP_BYTES && this.#lastEnd >= 0;
    this.#lastEnd = last;
    if (last - start > GAP_BYTES) return this.#read(start, last);
    if (start < this.#aheadStart || last > this.#aheadStart + this.#ahead.length) {
      if (!isNext) return this.#read(start, last);
      this.#ahead = this.#read(start, Math.min(this.length, start + AHEAD_BYTES));
      this.#aheadStart = start;
    }
    return this.#ahead.subarray(start - this.#aheadStart, last - this.#aheadStart);
  }

  #read(start: number, end: number): Buffer<ArrayBuffer> {
    // Not zeroed before, and searched five times as fast as another array of bytes.
    const bytes = Buffer.allocUnsafeSlow(end - start);
    for (let done = 0; done < bytes.length;) {
      const read = readSync(this.handle, bytes, done, bytes.length - done, start + done);
      if (read === 0)
        throw new GraftError(
          'bytes-read',
          `${this.path} ended at byte ${start + done}.`,
          'It changed while it was read: start again.',
        );
      done += read;
    }
    return bytes;
  }
}

/**
 * The bytes of a file that the person named, or of one in a zip (`rows.zip/train.jsonl`). Those of a pipe or a device are read at once.
 *
 * @throws GraftError `file-missing`, and those of `readZipped`
 */
export async function openBytes(path: string): Promise<Bytes> {
  const zipped = await readZipped(path);
  if (zipped) return zipped;
  const stats = existsSync(path) ? statSync(path) : undefined;
  if (!stats?.isFile()) return readWhole(path);
  try {
    return new FileBytes(path, stats.size);
  } catch {
    return readWhole(path); // which says why it cannot be read
  }
}

/** The content of a file, or of standard input for -. @throws GraftError `file-missing` */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path !== '-') return readWhole(path);
  const pieces: Uint8Array[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces);
}

/** The error of a failed write; such an error is passed on unchanged. */
export function unwritten(path: string, cause: unknown, done = 'written'): GraftError {
  if (cause instanceof GraftError) return cause;
  const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
  return new GraftError(
    'file-write',
    `${path} could not be ${done}: ${messageOf(cause)}.`,
    full ? 'Make room on the disk.' : 'Check the path, the disk and the permissions.',
    { cause },
  );
}

/** Makes a folder and its parents. @throws GraftError `file-write` */
export async function makeFolder(path: string): Promise<void> {
  try {
    for (const missing of missingFolders(path)) {
      await makeOne(missing);
      await syncFolder(dirname(missing));
    }
  } catch (cause) {
    throw unwritten(path, cause);
  }
}

/**
 * The folders of a path that do not exist, the outermost first; the path itself if a file is in its place. Not by Node's recursive `mkdir`, which
 * never ends if an existing folder refuses a new one as “no such file or directory”, as /proc does.
 */
function missingFolders(path: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(path); !isFolder(at) && dirname(at) !== at; at = dirname(at)) missing.unshift(at);
  return missing;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Missing, below a file, or not to be seen: what is wrong shows if it is made.
    return false;
  }
}

/** @throws GraftError `file-write` for a place where no folder can be, and the error of the system for all others */
async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (cause) {
    // Another process may have made it.
    if (isFolder(path)) return;
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOENT') throw cause;
    throw new GraftError(
      'file-write',
      code === 'EEXIST'
        ? `${path} is not a folder, so nothing can be written there.`
        : `${dirname(path)} takes no new folders, so ${path} cannot be made.`,
      'Choose another folder.',
      { cause },
    );
  }
}

/** Writes files into a folder, in their order, each whole or not at all. @throws GraftError `file-write` */
export async function writeFolder(path: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await makeFolder(path);
  for (const [name, bytes] of Object.entries(files)) await writeWhole(join(path, name), bytes);
}

/** The ending of a file or a folder that is being written. */
export const PART = '.part';

/**
 * Writes a file whole or not at all: first to a temporary name in the same folder, flushed to the disk, then renamed. After a crash or a power
 * failure the name has the old bytes or the new ones.
 *
 * @throws GraftError `file-write`
 */
export async function writeWhole(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  await makeFolder(dirname(resolve(path)));
  let part: string | undefined;
  try {
    const opened = await openPart(path);
    const { handle } = opened;
    part = opened.part;
    try {
      await writeFile(handle, bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path);
    await syncFolder(dirname(resolve(path)));
  } catch (cause) {
    // The first error is the one to report.
    if (part !== undefined) await rm(part, { force: true }).catch(() => undefined);
    throw unwritten(path, cause);
  }
}

/** A new file next to another. One of the usual name that is there already, left by a crash or another program's, stays. */
async function openPart(path: string): Promise<{ readonly part: string; readonly handle: FileHandle }> {
  const usual = `${path}${PART}`;
  const part = existsSync(usual) ? `${path}.${randomBytes(8).toString('hex')}${PART}` : usual;
  return { part, handle: await open(part, 'wx') };
}

/** Errors of a file system that cannot flush folders: there is then nothing to flush. */
const NO_FOLDER_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EACCES', 'ENOSYS']);

/** Flushes the names in a folder to the disk, so that a power failure does not undo a rename. */
async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (!NO_FOLDER_SYNC.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
  }
}

/** Bytes that this user may still write if a folder is or will be; undefined if the file system does not say. */
export async function freeBytes(path: string): Promise<number | undefined> {
  let place = resolve(path);
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  const { bavail, bsize, blocks } = await statfs(place);
  return blocks === 0 ? undefined : bavail * bsize;
}

/** Where {@link replaceFolder} keeps the folder that it replaced. */
export function replacedFolder(path: string): string {
  return `${path}.old`;
}

/**
 * Replaces a folder by one that `fill` writes, and keeps the replaced one at {@link replacedFolder}. A crash leaves the old folder, the new one or
 * both, never half of one: under its name, or the old one at {@link replacedFolder}. If the disk is too full for a third folder, the one kept from
 * before is deleted first.
 *
 * @throws GraftError `file-write`, or what `fill` throws; then the folder is as it was
 */
export async function replaceFolder(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const next = `${path}${PART}`;
  const old = replacedFolder(path);
  const write = async (): Promise<void> => {
    await rm(next, { recursive: true, force: true });
    await mkdir(next);
    await fill(next);
  };
  try {
    try {
      await write();
    } catch (error) {
      // If the folder itself is missing, the kept one is the only copy.
      if (!existsSync(path) || !existsSync(old)) throw error;
      await rm(old, { recursive: true, force: true });
      await write();
    }
    if (existsSync(path)) {
      await rm(old, { recursive: true, force: true });
      await rename(path, old);
    }
    await rename(next, path);
    await syncFolder(dirname(resolve(path)));
  } catch (cause) {
    await rm(next, { recursive: true, force: true }).catch(() => undefined);
    throw unwritten(path, cause);
  }
}

/** Removes a folder: it is renamed first, so that a crash leaves no half of it under its name. @throws GraftError `file-write` */
export async function removeFolder(path: string): Promise<void> {
  const going = `${path}${PART}`;
  try {
    await rm(going, { recursive: true, force: true });
    if (existsSync(path)) await rename(path, going);
    await rm(going, { recursive: true, force: true });
  } catch (cause) {
    throw unwritten(path, cause);
  }
}
