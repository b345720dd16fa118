/** What is open: the model, the storage. */
import type {
  WeightChoices,
  Failure,
  GraftWorker,
  ModelInfo,
  ModelRef,
  Outcome,
  Progress,
} from '../../worker/api.ts';
import { heldWords } from '../task/base-words.ts';
import { device } from './device.svelte.ts';
import { TimeLeftClock } from '../ui/time-left.ts';
import { startWorker } from '../worker.ts';
import { keepLastModel, lastModel } from '../task/last-model.ts';
import { Notifier } from './notifier.svelte.ts';
import { requestPersistence } from '../../storage/space.ts';

export interface StorageState {
  readonly usage: number;
  readonly quota: number;
  readonly persistent: boolean;
}

/** What a screen reader hears without asking: milestones, in order. As a log, so that two at once are both heard. */
interface Announcement {
  readonly id: number;
  readonly text: string;
}

/** Older messages were heard long ago. */
const KEPT = 6;

class Announcer {
  log = $state.raw<readonly Announcement[]>([]);
  #count = 0;

  say(text: string): void {
    this.log = [...this.log.slice(1 - KEPT), { id: this.#count++, text }];
  }
}

/** The base model that comes with the page. */
export const BUNDLED_MODEL: ModelRef = { name: 'sprig', bundled: true };

export class SessionState {
  readonly worker: GraftWorker;
  readonly announcer = new Announcer();
  readonly notifier = new Notifier();
  model = $state.raw<ModelInfo>();
  /** The one that was opened last, in this visit or before it. */
  last: ModelRef = lastModel() ?? BUNDLED_MODEL;
  /** The one that the open project works with. */
  wanted = $state.raw<ModelRef>(this.last);
  /** While a model is being opened. */
  opening = $state.raw<Progress>();
  /** Seconds left of that, once they can be estimated. */
  openingLeft = $state<number>();
  modelFailure = $state.raw<Failure>();
  /** Why the weights could not be loaded in the type that was asked for. */
  holdFailure = $state.raw<Failure>();
  /** Why the open model is not kept, if it could not be. */
  notKept = $state.raw<Failure>();
  storage = $state.raw<StorageState>();
  /** Measurements that are under way in parts that are loaded late. */
  #measurements = $state.raw<readonly AbortController[]>([]);
  /** The worker itself failed: nothing works until the page is loaded again. */
  defect = $state.raw<Failure>();
  /**
   * Called when a model was opened, with whether it is another than before, as rows belong to a tokenizer, and whether it was loaded
   * anew, which takes off the GPU what was trained there.
   */
  whenOpened: (model: ModelInfo, another: boolean, anew: boolean) => void = () => undefined;
  /** Content of the model that was open last; empty once it is deleted together with the rows that it read. */
  #before: string | undefined;
  /** Identifies the model in the worker, and how its weights are stored. */
  #held = '';
  #bundled: Promise<boolean> | undefined;
  #kept: { readonly name: string; readonly done: Promise<boolean> } | undefined;
  /** One for each model that is being opened. */
  #openings: readonly AbortController[] = [];
  /** Counts the choices of a project's model. */
  #wants = 0;

  #left = new TimeLeftClock();
  readonly #hear = (progress: Progress): void => {
    this.opening = progress;
    this.openingLeft = this.#left.hear(progress);
  };

  constructor() {
    this.worker = startWorker((failure) => {
      this.defect ??= failure;
    });
    void device.open(this.worker);
    void this.refreshStorage();
  }

  /** Chooses the model of the project; it is opened when it is needed. */
  want(model: ModelRef): void {
    this.#wants++;
    this.wanted = model;
    if (this.model && !isModel(this.model, model)) this.model = undefined;
    this.modelFailure = this.holdFailure = undefined;
  }

  /** Whether a part that is loaded late measures: the table of everything tuned, or the trial of a prompt. */
  get measuring(): boolean {
    return this.#measurements.length > 0;
  }

  /** Counts a measurement of such a part until it has ended. @returns what stops it */
  beginMeasuring(): AbortController {
    const request = new AbortController();
    this.#measurements = [...this.#measurements, request];
    return request;
  }

  endMeasuring(request: AbortController): void {
    this.#measurements = this.#measurements.filter((other) => other !== request);
  }

  /** Stops the measurements of such parts: their project is left. */
  stopMeasuring(): void {
    for (const request of this.#measurements) request.abort();
  }

  /** Opens the model again, on another device. */
  async reopen(): Promise<void> {
    if (!this.model) return;
    this.model = undefined;
    this.#held = '';
    await this.ensureModel();
  }

  /** The open model is gone. */
  forgetModel(): void {
    this.model = undefined;
    this.#before = this.#held = '';
  }

  /**
   * @param baseWeights any type if left out
   * @returns whether the wanted model is open now, with such weights
   */
  async ensureModel(baseWeights?: WeightChoices): Promise<boolean> {
    const { model, wanted } = this;
    if (model && isModel(model, wanted) && (!baseWeights || sameWeights(model.baseWeights, baseWeights)))
      return true;
    if (!baseWeights) return wanted.bundled ? this.openBundled() : this.openKept(wanted.name);
    const hear = this.#hear;
    return this.#open((signal) =>
      wanted.bundled
        ? this.worker.openBundledModel(hear, baseWeights, signal)
        : this.worker.openKeptModel(wanted.name, hear, baseWeights, signal),
    );
  }

  /** Loads the open model again with its weights stored in another type. */
  holdBase(baseWeights: WeightChoices): Promise<boolean> {
    return this.#open((signal) => this.worker.holdBase(baseWeights, this.#hear, signal), 'hold');
  }

  /** A model that this browser keeps. */
  openKept(name: string): Promise<boolean> {
    if (this.#kept?.name === name) return this.#kept.done;
    const done = this.#open((signal) =>
      this.worker.openKeptModel(name, this.#hear, undefined, signal),
    ).finally(() => {
      if (this.#kept === kept) this.#kept = undefined;
    });
    const kept = (this.#kept = { name, done });
    return done;
  }

  /** Stops copying or loading the model that is being opened, and those that wait for it. */
  stopOpening(): void {
    for (const request of this.#openings) request.abort();
  }

  openBundled(): Promise<boolean> {
    this.#bundled ??= this.#open((signal) =>
      this.worker.openBundledModel(this.#hear, undefined, signal),
    ).finally(() => (this.#bundled = undefined));
    return this.#bundled;
  }

  openFolder(name: string, files: readonly File[]): Promise<boolean> {
    return this.#open((signal) => this.worker.openModel(name, files, this.#hear, signal), 'add');
  }

  get isBundled(): boolean {
    return this.model?.bundled === true;
  }

  async refreshStorage(): Promise<void> {
    const outcome = await this.worker.storage();
    if (outcome.ok) this.storage = outcome;
  }

  /** Asks the browser to keep what is stored: before the first run, when there is something to lose. */
  async keepStorage(): Promise<void> {
    if (this.storage && !this.storage.persistent && (await requestPersistence())) await this.refreshStorage();
  }

  async #open(
    ask: (signal: AbortSignal) => Promise<Outcome<{ readonly model: ModelInfo; readonly notKept?: Failure }>>,
    how?: 'add' | 'hold',
  ): Promise<boolean> {
    this.modelFailure = this.holdFailure = undefined;
    this.opening = { what: 'reading', done: 0, total: 0 };
    const wants = this.#wants;
    const request = new AbortController();
    this.#openings = [...this.#openings, request];
    const outcome = await ask(request.signal);
    this.#openings = this.#openings.filter((other) => other !== request);
    // Another one may be on its way.
    if (this.#openings.length === 0) this.opening = this.openingLeft = undefined;
    this.#left = new TimeLeftClock();
    if (outcome.ok) {
      const { name, bundled, content, fingerprint } = outcome.model;
      const before = this.#before;
      const held = JSON.stringify([name, bundled, fingerprint]);
      // A model that is added is loaded even if it is open already.
      const anew = how === 'add' || held !== this.#held;
      this.#before = content;
      this.#held = held;
      // Another project was opened meanwhile, which works with another model.
      if (wants !== this.#wants && !isModel(outcome.model, this.wanted)) return false;
      this.model = outcome.model;
      this.notKept = outcome.notKept;
      this.last = this.wanted = { name, bundled };
      if (!outcome.notKept) keepLastModel(this.last);
      this.whenOpened(outcome.model, before !== undefined && before !== content, anew);
      this.announcer.say(
        `The model ${outcome.model.name} is open, its base weights ${heldWords(outcome.model)}.`,
      );
    } else if (outcome.code !== 'worker-aborted') {
      // The person stopped it: that is no failure.
      if (how === 'hold') this.holdFailure = outcome;
      else this.modelFailure = outcome;
    }
    void this.refreshStorage();
    return outcome.ok;
  }
}

function sameWeights(a: WeightChoices, b: WeightChoices): boolean {
  return a.matrices === b.matrices && a.embeddings === b.embeddings;
}

function isModel(model: ModelRef, wanted: ModelRef): boolean {
  return model.name === wanted.name && model.bundled === wanted.bundled;
}
