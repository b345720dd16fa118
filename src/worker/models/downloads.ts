/** Downloads of base models into the store of this browser: each is started, paused, resumed or cancelled by its source. */
import { GraftError } from '../../errors.ts';
import type { ModelWriter, StoredModel } from '../../storage/model-writer.ts';
import type { ModelStore } from '../../storage/models.ts';
import type { FileSet } from '../../weights/bytes.ts';
import { fetchModel, findModel, findModels, type HubOptions, type Offer } from '../../weights/hub.ts';
import { StoreSink, Unusable } from './download-sink.ts';
import type { DownloadStatus, HubAccess, ModelOffer, PartialDownload } from '../api/downloads.ts';
import { freeName } from './models.ts';

/** The environment of downloads: the browser's, or a test's. */
export interface DownloadOptions {
  readonly store: ModelStore;
  /** Finds the faults of a complete model. @throws GraftError */
  readonly check: (files: FileSet) => Promise<void>;
  /** The hub that ids are looked up at. */
  readonly hub: () => Promise<string>;
  /** Works unless this name is in use, in any tab. @returns undefined if it is */
  readonly alone: <T>(name: string, work: () => Promise<T>) => Promise<T | undefined>;
  readonly patience?: HubOptions['patience'];
}

/** Why a download was stopped. */
type Stop = 'pause' | 'cancel';

interface Running {
  readonly controller: AbortController;
  readonly ended: Promise<unknown>;
}

export class Downloads {
  readonly #running = new Map<string, Running>();
  /** The last offers, by source: a download need not ask for them again. */
  readonly #found = new Map<string, Offer>();

  constructor(private readonly options: DownloadOptions) {}

  /** @throws GraftError `hub-…`; what `signal` was aborted with */
  async find(asked: string, { token }: HubAccess, signal: AbortSignal): Promise<ModelOffer[]> {
    const offers = await findModels(asked, await this.#access(token, signal));
    this.#found.clear();
    for (const offer of offers) this.#found.set(offer.source, offer);
    return offers.map(describeOffer);
  }

  /**
   * @returns undefined if it was paused or cancelled
   * @throws GraftError `hub-…`, `storage-…`, `download-running`: the partial model is kept; UselessDownload with the fault of the model
   */
  async download(
    source: string,
    { token }: HubAccess,
    onStatus: (status: DownloadStatus) => void,
    controller = new AbortController(),
  ): Promise<StoredModel | undefined> {
    if (this.#running.has(source)) throw running(source);
    const ended = this.options.alone(lockOf(source), async () => ({
      model: await this.#download(source, await this.#access(token, controller.signal), onStatus),
    }));
    this.#running.set(source, { controller, ended: ended.catch(() => undefined) });
    try {
      const done = await ended;
      if (!done) throw running(source);
      return done.model;
    } finally {
      this.#running.delete(source);
    }
  }

  pause(source: string): void {
    this.#stop(source, 'pause');
  }

  /** @throws GraftError `storage-…`, `download-running` if another tab runs it */
  async cancel(source: string): Promise<void> {
    this.#stop(source, 'cancel');
    await this.#running.get(source)?.ended;
    const done = await this.options.alone(lockOf(source), async () => {
      await (await this.#resume(source))?.abort();
      return true;
    });
    if (!done) throw running(source);
  }

  /** All downloads that are not complete. @throws as {@link cancel} */
  async cancelAll(): Promise<void> {
    for (const { source } of await this.list()) await this.cancel(source);
  }

  async list(): Promise<PartialDownload[]> {
    const partials = await this.options.store.partials();
    return partials.flatMap(({ name, source, done, bytes }) =>
      source === undefined ? [] : [{ name, source, done, ...(bytes !== undefined && { bytes }) }],
    );
  }

  #stop(source: string, why: Stop): void {
    this.#running.get(source)?.controller.abort(why);
  }

  async #access(token: string | undefined, signal: AbortSignal): Promise<HubOptions> {
    const { hub, patience } = this.options;
    return { hub: await hub(), signal, ...(token && { token }), ...(patience && { patience }) };
  }

  async #download(
    source: string,
    access: HubOptions,
    onStatus: (status: DownloadStatus) => void,
  ): Promise<StoredModel | undefined> {
    const { store, check } = this.options;
    const kept = (await store.list()).find((model) => model.source === source);
    if (kept) return kept;
    let writer: ModelWriter | undefined;
    try {
      const offer = this.#found.get(source) ?? (await findModel(source, access));
      writer = await this.#begin(source, offer);
      const sink = new StoreSink({ writer, files: offer.files, check });
      await fetchModel({ ...offer, name: writer.plan.name }, sink, access, onStatus);
      return await this.#commit(writer, offer);
    } catch (error) {
      const why: unknown = access.signal.aborted ? access.signal.reason : undefined;
      if (error instanceof Unusable || why === 'cancel') await writer?.abort();
      else await writer?.pause();
      if (error instanceof Unusable) throw unusable(writer!.plan.name, error.failure);
      if (why === 'pause' || why === 'cancel') return undefined;
      throw error;
    }
  }

  async #commit(writer: ModelWriter, { licence }: Offer): Promise<StoredModel> {
    const { store, check } = this.options;
    const model = await writer.commit(licence === undefined ? {} : { licence });
    try {
      await check(await store.open(model.name));
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      await store.delete(model.name);
      throw unusable(model.name, error);
    }
    return model;
  }

  async #begin(source: string, { name, files, bytes }: Offer): Promise<ModelWriter> {
    const { store } = this.options;
    const names = files.map((file) => file.name);
    const begun = await this.#resume(source);
    if (begun && begun.plan.files.join('\0') === names.join('\0')) return begun;
    await begun?.abort();
    const taken = [...(await store.list()), ...(await store.partials())].map((model) => model.name);
    return store.create({
      name: freeName(name, new Set(taken)),
      source,
      files: names,
      ...(bytes !== undefined && { bytes }),
      resumable: true,
    });
  }

  async #resume(source: string): Promise<ModelWriter | undefined> {
    const begun = (await this.options.store.partials()).find((partial) => partial.source === source);
    return begun && this.options.store.resume(begun.name);
  }
}

const lockOf = (source: string): string => `graft-download ${source}`;

/** What the hub offers, as the page shows it; sizes are in bytes. */
export function describeOffer({ name, source, licence, gated, files, bytes }: Offer): ModelOffer {
  return {
    ...{ name, source, gated },
    ...(licence !== undefined && { licence }),
    ...(bytes !== undefined && { bytes }),
    files: files.map(({ name: file, size, sha256, gitSha1 }) => ({
      name: file,
      ...(size !== undefined && { bytes: size }),
      checked: (sha256 ?? gitSha1) !== undefined,
    })),
  };
}

function running(source: string): GraftError {
  return new GraftError(
    'download-running',
    `${source} is being downloaded already.`,
    'Look at its progress, here or in another tab of Graft, or pause it there first.',
  );
}

/** A download of a model that Graft cannot open: nothing of it is kept. */
export class UselessDownload extends GraftError {}

function unusable(name: string, cause: GraftError): UselessDownload {
  return new UselessDownload(
    cause.code,
    `Graft cannot open ${name}: ${cause.what}`,
    `Nothing of it is kept. ${cause.remedy}`,
    { cause },
  );
}
