/** An exported folder as a zip, for browsers that give a page no folder: put together in the private file system, not in memory. */
import type { Step } from '../../export/adapter-zip.ts';
import {
  DirectorySink,
  writeFiles,
  writtenOf,
  type FolderFile,
  type FolderSink,
} from '../../export/folder-sink.ts';
import { crc32 } from '../../export/zip/crc32.ts';
import { ZipWriter } from '../../export/zip/writer.ts';
import type { ModelWriter } from '../../storage/model-writer.ts';
import { mergedModels } from '../../storage/models.ts';

/** Deletes the files of an earlier zip, at the next zip or the next visit. */
export async function clearExported(): Promise<void> {
  for (const { name } of await mergedModels.list()) await mergedModels.delete(name);
  await mergedModels.clean();
}

export class ZipSink implements FolderSink {
  /** Checksums are made on the way: the zip refers to the files and does not read them again. */
  readonly #sums = new Map<string, number>();
  #file = '';

  private constructor(
    private readonly name: string,
    private readonly writer: ModelWriter,
  ) {}

  /** @param files all that will be written @throws GraftError `storage-…` */
  static async create(name: string, files: readonly string[]): Promise<ZipSink> {
    await clearExported();
    return new ZipSink(name, await mergedModels.create({ name, files, resumable: false }));
  }

  async begin(file: string): Promise<void> {
    this.#file = file;
    this.#sums.set(file, 0);
  }

  async append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.writer.append(this.#file, bytes);
    this.#sums.set(this.#file, crc32(bytes, this.#sums.get(this.#file)));
  }

  async finish(): Promise<void> {
    await this.writer.commit();
  }

  abort(): Promise<void> {
    return this.writer.abort();
  }

  /** The finished zip: a blob on the disk. */
  async zip(): Promise<Blob> {
    const zip = new ZipWriter();
    for (const [file, crc] of this.#sums)
      zip.summed(`${this.name}/${file}`, await mergedModels.blob(this.name, file), crc);
    return zip.finish();
  }
}

/**
 * Writes a folder to the place that a person chose.
 *
 * @param name of the folder
 * @param target a folder of the person's disk, in which it is made; without one it becomes a zip
 * @returns the name of the folder or of the zip, and the zip
 * @throws GraftError `worker-aborted`, `export-write`, `storage-…`; then nothing is left
 */
export async function deliverFolder(
  name: string,
  files: readonly FolderFile[],
  target: FileSystemDirectoryHandle | undefined,
  step: Step,
): Promise<{ readonly name: string; readonly zip?: Blob }> {
  if (target) {
    const sink = await DirectorySink.create(target, name);
    await writeFiles(files, sink, step);
    return { name: sink.name };
  }
  const sink = await ZipSink.create(name, writtenOf(files).names);
  await writeFiles(files, sink, step);
  return { name: `${name}.zip`, zip: await sink.zip() };
}
