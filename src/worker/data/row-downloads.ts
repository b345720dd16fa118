/** Downloads of data sets from the hub. Files are on the disk while they come, so that a download continues; once complete they are handed over and deleted. */
import { blobOf, HELD_BYTES, type FileContent } from '../../data/file-content.ts';
import { GraftError } from '../../errors.ts';
import type { ModelWriter } from '../../storage/model-writer.ts';
import {
  fetchModel,
  findDataSet,
  type DownloadSink,
  type HubOptions,
  type Offer,
} from '../../weights/hub.ts';
import type { DownloadStatus, HubAccess } from '../api/downloads.ts';
import type { PartialRows, TakenFile } from '../api/row-files.ts';
import type { DownloadOptions } from '../models/downloads.ts';
import { freeName } from '../models/models.ts';

/** A person waits for what a data set has, and can ask again. */
const LOOKUP = { tries: 2, firstPauseMs: 1000, longestPauseMs: 1000, idleMs: 15_000 };
/** The page holds a file whole. */
const MAX_FILE_BYTES = 2 ** 30;

/** What is asked for under Data is a data set, unless it is an address. */
const asDataSet = (asked: string): string =>
  /^(?:https?:|datasets\/)/i.test(asked.trim()) ? asked.trim() : `datasets/${asked.trim()}`;

export class RowDownloads {
  readonly #found = new Map<string, Offer>();
  readonly #running = new Map<string, AbortController>();

  /** @param options as those of models; the store is one of its own */
  constructor(private readonly options: Pick<DownloadOptions, 'store' | 'hub' | 'alone' | 'patience'>) {}

  /** @throws GraftError `hub-…`; what `signal` was aborted with */
  async find(asked: string, { token }: HubAccess, signal: AbortSignal): Promise<Offer> {
    const { patience = LOOKUP } = this.options;
    const offer = await findDataSet(asDataSet(asked), { ...(await this.#access(token, signal)), patience });
    this.#found.set(offer.source, offer);
    return offer;
  }

  /**
   * @returns undefined if it was paused: what came is kept
   * @throws GraftError `hub-…`, `storage-…`, `download-running`, `data-too-large`
   */
  async download(
    source: string,
    chosen: readonly string[],
    { token }: HubAccess,
    onStatus: (status: DownloadStatus) => void,
    controller = new AbortController(),
  ): Promise<readonly TakenFile[] | undefined> {
    if (this.#running.has(source)) throw running(source);
    this.#running.set(source, controller);
    try {
      const done = await this.options.alone(`graft-rows ${source}`, async () => ({
        files: await this.#download(source, chosen, await this.#access(token, controller.signal), onStatus),
      }));
      if (!done) throw running(source);
      return done.files;
    } finally {
      this.#running.delete(source);
    }
  }

  pause(source: string): void {
    this.#running.get(source)?.abort('pause');
  }

  /** Deletes what came. A running download is not touched. @throws GraftError `storage-…` */
  async drop(source: string): Promise<void> {
    const { store } = this.options;
    for (const partial of await store.partials())
      if (partial.source === source && !this.#running.has(source))
        await (await store.resume(partial.name))?.abort();
  }

  /** @throws GraftError `storage-…` */
  async dropAll(): Promise<void> {
    for (const { source } of await this.list()) await this.drop(source);
  }

  /** @throws GraftError `storage-…` */
  async list(): Promise<PartialRows[]> {
    const partials = await this.options.store.partials();
    return partials.flatMap(({ name, source, files, done, bytes }) =>
      source === undefined ? [] : [{ name, source, files, done, ...(bytes !== undefined && { bytes }) }],
    );
  }

  async #access(token: string | undefined, signal: AbortSignal): Promise<HubOptions> {
    const { hub, patience } = this.options;
    return { hub: await hub(), signal, ...(token && { token }), ...(patience && { patience }) };
  }

  async #download(
    source: string,
    chosen: readonly string[],
    access: HubOptions,
    onStatus: (status: DownloadStatus) => void,
  ): Promise<readonly TakenFile[] | undefined> {
    let writer: ModelWriter | undefined;
    try {
      const whole = this.#found.get(source) ?? (await findDataSet(source, access));
      const files = whole.files.filter(({ name }) => chosen.includes(name));
      const large = files.find(({ size = 0 }) => size > MAX_FILE_BYTES);
      if (large) throw tooLarge(large.name, large.size);
      writer = await this.#begin(whole, files);
      await fetchModel({ ...whole, files }, sinkOf(writer), access, onStatus);
      const taken: TakenFile[] = [];
      for (const { name } of files) {
        const size = writer.size(name);
        // A server may send more than it declared.
        if (size > MAX_FILE_BYTES) throw tooLarge(name, size);
        taken.push({ name, bytes: await contentOf(writer, name, size) });
      }
      await writer.abort();
      return taken;
    } catch (error) {
      await writer?.pause();
      if (access.signal.aborted && access.signal.reason === 'pause') return undefined;
      throw error;
    }
  }

  async #begin({ name, source }: Offer, files: Offer['files']): Promise<ModelWriter> {
    const { store } = this.options;
    const names = files.map((file) => file.name);
    const partials = await store.partials();
    for (const before of partials.filter((partial) => partial.source === source)) {
      const writer = await store.resume(before.name);
      if (before.files.join('\0') === names.join('\0') && writer) return writer;
      await writer?.abort();
    }
    const sizes = files.map(({ size }) => size);
    const bytes = sizes.every((size) => size !== undefined) ? sizes.reduce((a, b) => a + b, 0) : undefined;
    return store.create({
      name: freeName(name, new Set(partials.map((partial) => partial.name))),
      source,
      files: names,
      ...(bytes !== undefined && { bytes }),
      resumable: true,
    });
  }
}

/** Bytes that are read at once. */
const PIECE_BYTES = 4 * 2 ** 20;

/** A file that is here; a large one is not held in memory. */
async function contentOf(writer: ModelWriter, name: string, size: number): Promise<FileContent> {
  if (size <= HELD_BYTES) return writer.read(name, 0, size);
  const pieces = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let start = 0; start < size; start += PIECE_BYTES)
      yield await writer.read(name, start, Math.min(size, start + PIECE_BYTES));
  };
  return blobOf(pieces());
}

/** Files are read as rows once all of them are here: nothing is looked at before. */
const sinkOf = (writer: ModelWriter): DownloadSink => ({
  size: (file) => writer.size(file),
  read: (file, start, end) => writer.read(file, start, end),
  append: (file, bytes) => writer.append(file, bytes),
  truncate: (file, bytes) => writer.truncate(file, bytes),
  version: (file) => writer.version(file),
  setVersion: (file, version) => writer.setVersion(file, version),
  finish: async (file) => {
    // An empty file has no bytes that would make it.
    if (writer.size(file) === 0) await writer.append(file, new Uint8Array(0));
  },
});

const running = (source: string): GraftError =>
  new GraftError(
    'download-running',
    `${source} is being downloaded already.`,
    'Look at its progress, here or in another tab of Graft, or pause it there first.',
  );

const tooLarge = (name: string, size: number | undefined): GraftError =>
  new GraftError(
    'data-too-large',
    `${name} has ${size} bytes; at most ${MAX_FILE_BYTES} of a file are read.`,
    'Choose other files of the data set, or fetch it with npx graft fetch and train with the command.',
  );
