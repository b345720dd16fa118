/** A zip that is imported: its records, checked against their layout, with progress and interruption. */
import * as v from 'valibot';
import { blobOf, HELD_BYTES, type FileContent } from '../../data/file-content.ts';
import { GraftError } from '../../errors.ts';
import { decodeUtf8, isObject, parseJson } from '../../json.ts';
import type { Progress } from '../api.ts';
import { archiveFolder } from './layout.ts';
import type { ZipReader } from '../../export/zip/reader.ts';

interface SourceOptions {
  /** The progress, in bytes of the zip. */
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export class ArchiveSource {
  readonly names: readonly string[];
  readonly #total: number;
  /** Bytes of finished records, and of the current one. */
  #done = 0;
  #reading = 0;

  constructor(
    readonly zip: ZipReader,
    private readonly options: SourceOptions,
  ) {
    this.names = zip.names;
    this.#total = this.#sizeOf(this.names);
  }

  /** A record follows. @throws GraftError `worker-aborted` */
  begin(): void {
    this.#reading = 0;
    this.report(0);
  }

  /** A record is finished, read or skipped. @param path of its JSON file */
  end(path: string): void {
    // A project's own folder holds everything else.
    const alone = /(?:project|settings)\.json$|\/results\/|\/sweeps\/|\/documents\/index\.json$/.test(path);
    const folder = archiveFolder(path);
    this.#done += this.#sizeOf(alone ? [path] : this.names.filter((name) => name.startsWith(folder)));
    this.#reading = 0;
  }

  /** Counts bytes that were read. @throws GraftError `worker-aborted` */
  report(bytes: number): void {
    const { signal, onProgress } = this.options;
    if (signal.aborted) throw stopped();
    this.#reading += bytes;
    onProgress({
      what: 'reading',
      done: Math.min(this.#done + this.#reading, this.#total),
      total: this.#total,
    });
  }

  /** @throws GraftError `zip-…`, `file-too-large`, `worker-aborted` */
  async read(path: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.zip.read(path, limit);
    this.report(bytes.byteLength);
    return bytes;
  }

  /** The content of a file of rows; a large one is not held in memory. @throws as {@link read} */
  async content(path: string, limit: number): Promise<FileContent> {
    const size = this.zip.size(path) ?? 0;
    if (size <= HELD_BYTES || size > limit) return this.read(path, limit);
    const pieces = async function* (source: ArchiveSource): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      for await (const piece of source.zip.chunks(path)) {
        source.report(piece.byteLength);
        yield piece;
      }
    };
    return blobOf(pieces(this));
  }

  /** @throws GraftError `archive-record`, and as {@link read} */
  async json<Schema extends v.GenericSchema>(
    path: string,
    schema: Schema,
    limit: number,
  ): Promise<v.InferOutput<Schema>> {
    const value = parseJson(decodeUtf8(await this.read(path, limit), path), path);
    const parsed = v.safeParse(schema, value, { abortEarly: true });
    if (isObject(value) && parsed.success) return parsed.output;
    const why = parsed.success
      ? 'it is not an object'
      : `${v.getDotPath(parsed.issues[0]) ?? ''} ${parsed.issues[0].message}`.trim();
    throw new GraftError('archive-record', `${path} is not as Graft writes it: ${why.slice(0, 200)}.`, '');
  }

  #sizeOf(names: readonly string[]): number {
    return names.reduce((sum, name) => sum + (this.zip.size(name) ?? 0), 0);
  }
}

function stopped(): GraftError {
  return new GraftError(
    'worker-aborted',
    'The import was stopped, and what it had added is taken back.',
    'Start it again when you like.',
  );
}
