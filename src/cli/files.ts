/** Files of this machine as the rest of Graft sees them. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { GraftError, messageOf } from '../errors.ts';
import { checkRange, type ByteSource, type FileSet } from '../weights/bytes.ts';
import { modelFolder } from '../weights/folder.ts';

/** A folder of this machine. @throws GraftError `file-missing` if it is none */
export function folder(path: string): FileSet {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new GraftError(
      'file-missing',
      `${path} is not a folder.`,
      'Give the path of a folder that exists.',
    );
  }
  return {
    name: path,
    list: () => readdirSync(path),
    open: async (name) =>
      statSync(join(path, name), { throwIfNoEntry: false })?.isFile() ? file(join(path, name)) : undefined,
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

/** The whole of a file that the person named. @throws GraftError `file-missing` */
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

/** The whole of a file, or of standard input where it is called -. @throws GraftError `file-missing` */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path !== '-') return readWhole(path);
  const pieces: Uint8Array[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces);
}

function unwritten(path: string, cause: unknown): GraftError {
  return new GraftError(
    'file-write',
    `${path} could not be written: ${messageOf(cause)}.`,
    'Check the path, the disk and the permissions.',
    { cause },
  );
}

/** Makes a folder, and those that it lies in. @throws GraftError `file-write` */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw unwritten(path, cause);
  }
}

/** Writes files into a folder, each whole or not at all. @throws GraftError `file-write` */
export async function writeFolder(path: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await makeFolder(path);
  for (const [name, bytes] of Object.entries(files)) await writeWhole(join(path, name), bytes);
}

/** Writes a file whole or not at all: beside its place first, then moved there. @throws GraftError `file-write` */
export async function writeWhole(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  await makeFolder(dirname(resolve(path)));
  const beside = `${path}.part`;
  try {
    await writeFile(beside, bytes);
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    if (cause instanceof GraftError) throw cause;
    throw unwritten(path, cause);
  }
}

/** Where {@link replaceFolder} keeps the old folder for the moment in which neither has the name. */
export function replacedFolder(path: string): string {
  return `${path}.old`;
}

/**
 * Replaces a folder by one that `fill` writes, so that a crash leaves the old one or the new one, never half of either: under its name, or
 * the old one at {@link replacedFolder}.
 */
export async function replaceFolder(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const next = `${path}.part`;
  const old = replacedFolder(path);
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  await fill(next);
  if (existsSync(path)) {
    rmSync(old, { recursive: true, force: true });
    renameSync(path, old);
  }
  renameSync(next, path);
  rmSync(old, { recursive: true, force: true });
}
