/** Models from the hub: the search, and the downloads. It lives as long as the page: a download continues while other stages are open. */
import type { DownloadStatus, Failure, HubAccess, ModelOffer, PartialDownload } from '../../worker/api.ts';
import { Latest } from '../state/latest.ts';
import type { ModelsState } from './models.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** `useless`: Graft cannot open it, so it is not offered again. */
type TransferKind = 'running' | 'stopping' | 'paused' | 'failed' | 'useless' | 'done';

/** The download of one model. */
export class Transfer {
  kind = $state<TransferKind>('paused');
  /** The last report of each running download. */
  status = $state.raw<DownloadStatus>();
  failure = $state.raw<Failure>();
  /** What it is called once it is here. */
  kept = $state('');
  /** Stopped only to start again at once. */
  hurried = false;
  begun: PartialDownload;

  constructor(begun: PartialDownload) {
    this.begun = $state.raw(begun);
  }

  /** The part that the store has, while the download does not run. */
  settle(begun: PartialDownload | undefined): void {
    this.begun = begun ?? { ...this.begun, done: 0 };
    this.status = undefined;
  }

  get source(): string {
    return this.begun.source;
  }
  get name(): string {
    return this.begun.name;
  }
  /** Bytes that are here. */
  get done(): number {
    return this.status?.done ?? this.begun.done;
  }
  /** Undefined if the server does not say. */
  get total(): number | undefined {
    return this.status?.total ?? this.begun.bytes;
  }
  /** At the speed of the last seconds; undefined if that is not known. */
  get secondsLeft(): number | undefined {
    const { done, total = NaN, rate = 0, waiting } = this.status ?? { done: 0 };
    const seconds = (total - done) / rate;
    return waiting === undefined && Number.isFinite(seconds) ? seconds : undefined;
  }
  get active(): boolean {
    return this.kind === 'running' || this.kind === 'stopping';
  }
}

export class DownloadsState {
  /** Where ids are looked up; empty before it is known. */
  hub = $state('');
  hubFailure = $state.raw<Failure>();
  asked = $state('');
  /** The token of an account on the hub. It is kept here and nowhere else. */
  token = $state('');
  /** What is being asked for. */
  finding = $state('');
  offers = $state.raw<readonly ModelOffer[]>([]);
  /** What the offers answer. */
  found = $state('');
  findFailure = $state.raw<Failure>();
  list = $state.raw<readonly Transfer[]>([]);
  listFailure = $state.raw<Failure>();
  #request: AbortController | undefined;
  readonly #listed = new Latest(
    () => this.#session.worker.listDownloads(),
    (begun) => {
      this.listFailure = begun.ok ? undefined : begun;
      if (begun.ok) this.#merge(begun.downloads);
    },
  );
  readonly #session: SessionState;
  readonly #models: ModelsState;

  constructor(session: SessionState, models: ModelsState) {
    this.#session = session;
    this.#models = models;
  }

  get running(): Transfer | undefined {
    return this.list.find(({ active }) => active);
  }

  /** Bytes that may still be stored; undefined if the browser does not say. */
  get room(): number | undefined {
    const { storage } = this.#session;
    return storage && storage.quota > 0 ? Math.max(0, storage.quota - storage.usage) : undefined;
  }

  transferOf(source: string): Transfer | undefined {
    return this.list.find((transfer) => transfer.source === source);
  }

  /** Reads the downloads of earlier visits, and where the hub is. */
  async refresh(): Promise<void> {
    const [address] = await Promise.all([this.#session.worker.hubAddress(), this.#listed.ask()]);
    if (address.ok) this.hub = address.hub;
    else this.hubFailure = address;
  }

  /** @param address empty for the usual one @returns whether it is one */
  async changeHub(address: string): Promise<boolean> {
    const outcome = await this.#session.worker.changeHub(address);
    this.hubFailure = outcome.ok ? undefined : outcome;
    if (!outcome.ok) return false;
    this.hub = outcome.hub;
    this.offers = [];
    this.findFailure = undefined;
    this.#session.announcer.say(`Models are looked for at ${outcome.hub}.`);
    return true;
  }

  async find(asked = this.asked): Promise<void> {
    const wanted = (this.asked = asked.trim());
    if (wanted === '' || this.finding) return;
    this.findFailure = undefined;
    this.offers = [];
    this.finding = wanted;
    const { signal } = (this.#request = new AbortController());
    const outcome = await this.#session.worker.findModels(wanted, this.#access, signal);
    this.finding = '';
    if (outcome.ok) {
      this.offers = outcome.offers;
      this.found = wanted;
      this.#session.announcer.say(
        `${wanted} can be had${outcome.offers.length > 1 ? ` in ${outcome.offers.length} ways` : ''}.`,
      );
    } else if (outcome.code !== 'worker-aborted') {
      this.findFailure = outcome;
    }
    void this.#session.refreshStorage();
  }

  /** Looks for a model and starts the download if there is one offer and room for it; otherwise the offers are shown. */
  async fetch(asked: string): Promise<void> {
    await this.find(asked);
    const [offer, ...others] = this.offers;
    if (!offer || others.length > 0 || this.found !== asked) return;
    const fits = offer.bytes === undefined || this.room === undefined || offer.bytes <= this.room;
    if (fits) await this.start(offer);
  }

  stopFinding(): void {
    this.#request?.abort();
  }

  /** Begins a download, or continues the one of this source. */
  async start({ name, source, bytes }: Pick<ModelOffer, 'name' | 'source' | 'bytes'>): Promise<void> {
    let transfer = this.transferOf(source);
    if (!transfer) {
      transfer = new Transfer({ name, source, done: 0, ...(bytes !== undefined && { bytes }) });
      this.list = [...this.list, transfer];
    }
    await this.resume(transfer);
  }

  async resume(transfer: Transfer): Promise<void> {
    if (transfer.active) return;
    transfer.kind = 'running';
    transfer.failure = undefined;
    // Before gigabytes are stored, the browser is asked to keep them.
    void this.#session.keepStorage();
    const outcome = await this.#session.worker.download(transfer.source, this.#access, (status) => {
      transfer.status = status;
    });
    const { announcer } = this.#session;
    if (!outcome.ok) {
      transfer.kind = 'failed';
      transfer.failure = outcome;
      announcer.say(`The download of ${transfer.name} stopped.`);
    } else if (outcome.useless) {
      transfer.kind = 'useless';
      transfer.failure = outcome.useless;
      transfer.settle(undefined);
      announcer.say(outcome.useless.what);
    } else if (outcome.model) {
      transfer.kind = 'done';
      transfer.kept = outcome.model.name;
      transfer.settle({ ...transfer.begun, done: outcome.model.bytes });
      announcer.say(`${outcome.model.name} is here.`);
    } else {
      transfer.kind = 'paused';
    }
    await Promise.all([this.refresh(), this.#models.refresh(), this.#session.refreshStorage()]);
    const { hurried } = transfer;
    transfer.hurried = false;
    if (hurried && transfer.kind === 'paused') await this.resume(transfer);
  }

  /** Retries at once, if it waits to retry. */
  async hurry(transfer: Transfer): Promise<void> {
    transfer.hurried = true;
    await this.#session.worker.pauseDownload(transfer.source);
  }

  async pause(transfer: Transfer): Promise<void> {
    transfer.kind = 'stopping';
    await this.#session.worker.pauseDownload(transfer.source);
  }

  /** Deletes the part that was downloaded. */
  async cancel(transfer: Transfer): Promise<void> {
    if (transfer.active) transfer.kind = 'stopping';
    const outcome = await this.#session.worker.cancelDownload(transfer.source);
    if (outcome.ok) {
      this.dismiss(transfer);
      this.#session.announcer.say(`The download of ${transfer.name} is cancelled; nothing of it is kept.`);
    } else {
      transfer.kind = 'failed';
      transfer.failure = outcome;
    }
    await Promise.all([this.refresh(), this.#session.refreshStorage()]);
  }

  /** Removes it from the list: a complete model is among the kept models. */
  dismiss(transfer: Transfer): void {
    this.list = this.list.filter((other) => other !== transfer);
  }

  get #access(): HubAccess {
    const token = this.token.trim();
    return token === '' ? {} : { token };
  }

  /** Lists what is in the store together with what this page knows. */
  #merge(begun: readonly PartialDownload[]): void {
    const storedOf = ({ source }: Transfer): PartialDownload | undefined =>
      begun.find((partial) => partial.source === source);
    const known = this.list.filter(
      (transfer) =>
        transfer.active || ['done', 'failed', 'useless'].includes(transfer.kind) || storedOf(transfer),
    );
    for (const transfer of known)
      if (!transfer.active && !['done', 'useless'].includes(transfer.kind))
        transfer.settle(storedOf(transfer));
    const fresh = begun.filter(({ source }) => !known.some((transfer) => transfer.source === source));
    this.list = [...known, ...fresh.map((partial) => new Transfer(partial))];
  }
}
