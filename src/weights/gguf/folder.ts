/**
 * A GGUF file is a model folder in one file. Seen as a folder it has the files that the rest of Graft reads, made from its metadata, and
 * those that lie beside it, which go before: a person who puts a config.json there means it.
 */
import { memorySource, type ByteSource, type FileSet } from '../bytes.ts';
import type { TensorEntry } from '../safetensors.ts';
import { configOf } from './architectures.ts';
import { readGgufHeader, type GgufHeader } from './header.ts';
import { ggufTensors } from './tensors.ts';

const MADE: Readonly<Record<string, (header: GgufHeader) => unknown>> = {
  'config.json': configOf,
};

export class GgufFolder implements FileSet {
  private constructor(
    readonly files: FileSet,
    readonly header: GgufHeader,
    /** Under their Hugging Face names. */
    readonly tensors: ReadonlyMap<string, TensorEntry>,
  ) {}

  /**
   * @param file a GGUF file of `files`
   * @throws GraftError `gguf`, `gguf-unsupported`, `gguf-metadata`, `bytes-read`
   */
  static async open(files: FileSet, file: ByteSource): Promise<GgufFolder> {
    const header = await readGgufHeader(file);
    return new GgufFolder(files, header, ggufTensors(header));
  }

  get name(): string {
    return this.files.name;
  }

  list(): string[] {
    return [...new Set([...this.files.list(), ...Object.keys(MADE)])];
  }

  async open(name: string): Promise<ByteSource | undefined> {
    const file = await this.files.open(name);
    if (file || !Object.hasOwn(MADE, name)) return file;
    return memorySource(
      name,
      new TextEncoder().encode(JSON.stringify(MADE[name](this.header), undefined, 2)),
    );
  }
}
