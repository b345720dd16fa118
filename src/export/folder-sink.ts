/** Writes a folder, file by file, to the place that a person chose. */
import { GraftError, messageOf } from '../errors.ts';
import { Sum, SUMS, sumsBytes, sumsText } from '../weights/sums.ts';
import type { Step } from './adapter-zip.ts';

/** A file of a folder, before it is written. */
export interface FolderFile {
  /** With '/' between folders. */
  readonly name: string;
  readonly size: number;
  readonly read: () => AsyncIterable<Uint8Array>;
}

/** Takes the files of a folder one after the other, each in pieces. */
export interface FolderSink {
  begin(file: string): Promise<void>;
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Called when all files are complete. */
  finish(): Promise<void>;
  /** Deletes the files that were written. */
  abort(): Promise<void>;
}

/** What `writeFiles` writes of these files: their names and bytes, with the list of their checksums. */
export function writtenOf(files: readonly Pick<FolderFile, 'name' | 'size'>[]): {
  readonly names: readonly string[];
  readonly bytes: number;
} {
  const names = files.map(({ name }) => name);
  return {
    names: [...names, SUMS],
    bytes: files.reduce((sum, { size }) => sum + size, sumsBytes(names)),
  };
}

/**
 * Writes all files, and their checksums. If it fails or is stopped, nothing is left.
 *
 * @param hasSums whether checksums are written too: a folder that leaves this browser has them
 * @throws what `step` or the sink throws
 */
export async function writeFiles(
  files: readonly FolderFile[],
  sink: FolderSink,
  step: Step,
  hasSums = true,
): Promise<void> {
  const total = hasSums ? writtenOf(files).bytes : files.reduce((sum, { size }) => sum + size, 0);
  const sums = new Map<string, string>();
  let done = 0;
  try {
    for (const { name, read } of files) {
      await sink.begin(name);
      const sum = new Sum();
      for await (const bytes of read()) {
        await step(done, total);
        sum.add(bytes);
        await sink.append(bytes as Uint8Array<ArrayBuffer>);
        done += bytes.byteLength;
      }
      sums.set(name, sum.hex());
    }
    if (hasSums) {
      await sink.begin(SUMS);
      await sink.append(new TextEncoder().encode(sumsText(sums)));
    }
    await step(total, total);
    await sink.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** The browser may treat a file as open for a moment after it was closed, and its folder cannot be deleted then. */
const ATTEMPTS = 20;
const BETWEEN_MS = 50;

/** A new folder in one that a person chose. */
export class DirectorySink implements FolderSink {
  #open: FileSystemWritableFileStream | undefined;
  #file = '';

  private constructor(
    private readonly parent: FileSystemDirectoryHandle,
    private readonly folder: FileSystemDirectoryHandle,
  ) {}

  /** @param name of the folder; a number is added if there is one already @throws GraftError `export-write` */
  static async create(parent: FileSystemDirectoryHandle, name: string): Promise<DirectorySink> {
    const taken = new Set<string>();
    return writing(name, parent.name, async () => {
      for await (const key of parent.keys()) taken.add(key);
      let free = name;
      for (let number = 2; taken.has(free); number++) free = `${name}-${number}`;
      return new DirectorySink(parent, await parent.getDirectoryHandle(free, { create: true }));
    });
  }

  get name(): string {
    return this.folder.name;
  }

  async begin(file: string): Promise<void> {
    await this.#writing(() => this.#close());
    this.#file = file;
    await this.#writing(async () => {
      const folders = file.split('/');
      const name = folders.pop()!;
      let folder = this.folder;
      for (const part of folders) folder = await folder.getDirectoryHandle(part, { create: true });
      const handle = await folder.getFileHandle(name, { create: true });
      this.#open = await handle.createWritable();
    });
  }

  append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#writing(() => this.#open!.write(bytes));
  }

  finish(): Promise<void> {
    return this.#writing(() => this.#close());
  }

  async abort(): Promise<void> {
    // Deleting may fail, too; the person should see the first failure.
    await this.#open?.abort().catch(() => undefined);
    for (let attempt = 0; attempt < ATTEMPTS && !(await this.#remove()); attempt++)
      await new Promise((resolve) => void setTimeout(resolve, BETWEEN_MS));
  }

  /** Whether the folder is gone. */
  async #remove(): Promise<boolean> {
    try {
      await this.parent.removeEntry(this.folder.name, { recursive: true });
      return true;
    } catch (error) {
      return error instanceof Error && error.name === 'NotFoundError';
    }
  }

  async #close(): Promise<void> {
    await this.#open?.close();
    this.#open = undefined;
  }

  #writing<T>(work: () => Promise<T>): Promise<T> {
    return writing(this.#file, `${this.parent.name}/${this.folder.name}`, work);
  }
}

async function writing<T>(file: string, folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new GraftError(
      'export-write',
      `${file} could not be written into ${folder}: ${messageOf(cause)}.`,
      'Check that the disk has room and that the page may write there, then export again. The unfinished export is removed.',
      { cause },
    );
  }
}

/** A name that every file system takes. */
export function fileNameOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  return plain.slice(0, 80) || 'adapter';
}
