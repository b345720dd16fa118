/** What is open: the GPU, the model, the storage. */
import type { Failure, GraftWorker, ModelInfo, Outcome, Progress } from '../../worker/api.ts';
import { GpuCheck } from '../start/gpu.svelte.ts';
import { startWorker } from '../worker.ts';
import { Announcer } from './announcer.svelte.ts';
import { Notifier } from './notifier.svelte.ts';
import { requestPersistence } from '../../storage/space.ts';

export interface StorageState {
  readonly usage: number;
  readonly quota: number;
  readonly persistent: boolean;
}

/** Base models that come with the page; everything else is a folder that a person chose. */
const BUNDLED = 'sprig';

export class Session {
  readonly worker: GraftWorker;
  readonly announcer = new Announcer();
  readonly notifier = new Notifier();
  readonly gpu: GpuCheck;
  model = $state.raw<ModelInfo>();
  /** While a model is being opened. */
  opening = $state.raw<Progress>();
  modelFailure = $state.raw<Failure>();
  storage = $state.raw<StorageState>();
  /** The worker itself failed: nothing works until the page is loaded again. */
  defect = $state.raw<Failure>();
  /** Called when another model is open than before: rows belong to a tokenizer. */
  whenChanged: () => void = () => undefined;
  #bundled: Promise<boolean> | undefined;

  constructor() {
    this.worker = startWorker((failure) => {
      this.defect ??= failure;
    });
    this.gpu = new GpuCheck(this.worker);
    void this.refreshStorage();
  }

  /** @returns whether a model is open now: the one that was, or the bundled one */
  async ensureModel(): Promise<boolean> {
    return this.model !== undefined || this.openBundled();
  }

  openBundled(): Promise<boolean> {
    this.#bundled ??= this.#open(
      this.worker.openBundledModel((progress) => {
        this.opening = progress;
      }),
    ).finally(() => (this.#bundled = undefined));
    return this.#bundled;
  }

  openFolder(name: string, files: readonly File[]): Promise<boolean> {
    return this.#open(
      this.worker.openModel(name, files, (progress) => {
        this.opening = progress;
      }),
    );
  }

  get isBundled(): boolean {
    return this.model !== undefined && this.isBundledName(this.model.name);
  }

  isBundledName(name: string): boolean {
    return name.toLowerCase() === BUNDLED;
  }

  async refreshStorage(): Promise<void> {
    const outcome = await this.worker.storage();
    if (outcome.ok) this.storage = outcome;
  }

  /** Asks the browser to keep what is stored: before the first run, when there is something to lose. */
  async keepStorage(): Promise<void> {
    if (this.storage && !this.storage.persistent && (await requestPersistence())) await this.refreshStorage();
  }

  async #open(answer: Promise<Outcome<{ readonly model: ModelInfo }>>): Promise<boolean> {
    this.modelFailure = undefined;
    this.opening = { what: 'reading', done: 0, total: 0 };
    const outcome = await answer;
    this.opening = undefined;
    if (outcome.ok) {
      const before = this.model;
      this.model = outcome.model;
      if (before && (before.name !== this.model.name || before.parameters !== this.model.parameters))
        this.whenChanged();
      this.announcer.say(`The model ${outcome.model.name} is open.`);
    } else {
      this.modelFailure = outcome;
    }
    void this.refreshStorage();
    return outcome.ok;
  }
}
