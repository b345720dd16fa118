/** A model of the store that is being filled from a server. */
import { GraftError } from '../errors.ts';
import { readModel } from '../model/family.ts';
import type { ModelWriter } from '../storage/model-writer.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { memoryFiles } from '../weights/bytes.ts';
import type { DownloadSink } from '../weights/hub.ts';

/** Weights, and the list of them. */
const WEIGHTS = /\.(?:gguf|safetensors)$|\.safetensors\.index\.json$/i;

/** What came is of no use here. */
export class Unusable extends Error {
  constructor(readonly failure: GraftError) {
    super(failure.message);
  }
}

export class StoreSink implements DownloadSink {
  /** Files beside the weights that are still to come. */
  readonly #small: Set<string>;

  constructor(private readonly writer: ModelWriter) {
    this.#small = new Set(writer.plan.files.filter((name) => !WEIGHTS.test(name)));
  }

  size(file: string): number {
    return this.writer.size(file);
  }
  read(file: string, start: number, end: number): Promise<Uint8Array> {
    return this.writer.read(file, start, end);
  }
  append(file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.writer.append(file, bytes);
  }
  truncate(file: string, bytes: number): Promise<void> {
    return this.writer.truncate(file, bytes);
  }
  version(file: string): string | undefined {
    return this.writer.version(file);
  }
  setVersion(file: string, version: string | undefined): Promise<void> {
    return this.writer.setVersion(file, version);
  }

  /** What Graft cannot open is known from the small files, before gigabytes come. @throws Unusable */
  async finish(file: string): Promise<void> {
    if (!this.#small.delete(file) || this.#small.size > 0) return;
    const { name, files } = this.writer.plan;
    const record: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const small of files.filter((each) => !WEIGHTS.test(each)))
      record[small] = await this.writer.read(small, 0, this.writer.size(small));
    try {
      const folder = memoryFiles(record, name);
      await readModel(folder);
      await loadTokenizer(folder);
    } catch (error) {
      throw error instanceof GraftError ? new Unusable(error) : error;
    }
  }
}
