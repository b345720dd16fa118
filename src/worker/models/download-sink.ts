/** A model of the store that is being filled from a server. A model that Graft cannot open is refused as early as its bytes show it. */
import { GraftError } from '../../errors.ts';
import { readAnyModel } from '../../model/family.ts';
import type { ModelWriter } from '../../storage/model-writer.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { memoryFiles, type FileSet } from '../../weights/bytes.ts';
import type { DownloadSink, Offer } from '../../weights/hub.ts';

/** Weights, and the list of them. */
const WEIGHTS = /\.(?:gguf|safetensors)$|\.safetensors\.index\.json$/i;
/** Codes of errors that another download would not mend. */
const UNSUPPORTED = /-unsupported$/;
/** Bytes of a file of weights before its header is looked for. */
const FIRST_LOOK = 1 << 16;

/** Graft cannot use the downloaded model. */
export class Unusable extends Error {
  constructor(readonly failure: GraftError) {
    super(failure.message);
  }
}

interface SinkOptions {
  readonly writer: ModelWriter;
  readonly files: Offer['files'];
  /** Finds the faults of a model by its headers. @throws GraftError */
  readonly check: (files: FileSet) => Promise<void>;
}

export class StoreSink implements DownloadSink {
  /** Files next to the weights that are still to come. */
  readonly #small: Set<string>;
  readonly #weights: readonly string[];
  /** Bytes that are needed before the header is looked for again; Infinity once it was read. */
  #lookAt = FIRST_LOOK;

  constructor(private readonly options: SinkOptions) {
    const names = options.writer.plan.files;
    this.#small = new Set(names.filter((name) => !WEIGHTS.test(name)));
    this.#weights = names.filter((name) => WEIGHTS.test(name));
  }

  size(file: string): number {
    return this.options.writer.size(file);
  }
  read(file: string, start: number, end: number): Promise<Uint8Array> {
    return this.options.writer.read(file, start, end);
  }
  truncate(file: string, bytes: number): Promise<void> {
    return this.options.writer.truncate(file, bytes);
  }
  version(file: string): string | undefined {
    return this.options.writer.version(file);
  }
  setVersion(file: string, version: string | undefined): Promise<void> {
    return this.options.writer.setVersion(file, version);
  }

  /** @throws Unusable; GraftError `storage-…` */
  async append(file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.options.writer.append(file, bytes);
    // Weights in several files have as many headers: their faults are found when all files are complete.
    if (this.#weights.length !== 1 || this.#weights[0] !== file) return;
    if (this.#small.size === 0 && this.size(file) >= this.#lookAt) await this.#look(file);
  }

  /** Checks the small files before gigabytes are fetched. @throws Unusable */
  async finish(file: string): Promise<void> {
    if (!this.#small.delete(file) || this.#small.size > 0) return;
    const { name, files } = this.options.writer.plan;
    const record: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const small of files.filter((each) => !WEIGHTS.test(each)))
      record[small] = await this.options.writer.read(small, 0, this.size(small));
    await refuse(async () => {
      const folder = memoryFiles(record, name);
      // A GGUF file brings its configuration itself.
      if ('config.json' in record) await readAnyModel(folder);
      if ('tokenizer.json' in record) await loadTokenizer(folder);
    });
  }

  /** Checks the model by the first bytes of its weights, as if the rest were complete. @throws Unusable */
  async #look(file: string): Promise<void> {
    const { writer, files, check } = this.options;
    const declared = files.find(({ name }) => name === file)?.size;
    if (declared === undefined) return void (this.#lookAt = Infinity);
    let wanted: number | undefined;
    const part: FileSet = {
      name: writer.plan.name,
      list: () => [...writer.plan.files],
      open: async (name) =>
        writer.plan.files.includes(name)
          ? {
              name,
              size: name === file ? declared : writer.size(name),
              read: async (start, end) => {
                if (end > writer.size(name)) {
                  wanted = end;
                  throw new GraftError('bytes-read', `${name} is not here yet.`, '');
                }
                return writer.read(name, start, end);
              },
            }
          : undefined,
    };
    this.#lookAt = Infinity;
    try {
      await check(part);
    } catch (error) {
      if (wanted !== undefined) this.#lookAt = wanted;
      // Damage is found by the checksum, and the file is fetched again.
      else if (error instanceof GraftError && UNSUPPORTED.test(error.code)) throw new Unusable(error);
      else if (!(error instanceof GraftError)) throw error;
    }
  }
}

async function refuse(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw error instanceof GraftError ? new Unusable(error) : error;
  }
}
