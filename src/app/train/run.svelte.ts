/** The run on the screen: the one that trains, or one from the list. Starts, resumes and ends it, and says what happens. */
import { resultOf } from '../../settings/result.ts';
import type {
  EvalPoint,
  Failure,
  Outcome,
  RunUpdate,
  RunNews,
  FormSpec,
  RunRecord,
  RunSummary,
  StepPoint,
} from '../../worker/api.ts';
import { fromTo } from '../../evaluate/reading-brief.ts';
import { isOfEncoder } from './of-encoder.ts';
import { shownPoints, curveWords } from './shown.ts';
import { Milestones } from './milestones.ts';
import type { SessionState } from '../state/session.svelte.ts';
import { ShownRun } from './shown-run.svelte.ts';

export class Run extends ShownRun {
  /** The button was pressed and the worker has not answered yet. */
  asked = $state<'pause' | 'stop' | 'cancel'>();
  /** Whether it was trained in this tab, so that the worker's `current` is its adapter. */
  isLoaded = $state(false);
  /** Whether it was started and has no step yet. */
  preparing = $state(false);
  /** A sweep has the device: its runs are not drawn one by one. */
  sweeping = $state(false);
  /** Whether that sweep is a cross-validation. */
  crossValidating = $state(false);
  /** This tab has it on its GPU. A record may say `running` of another tab. */
  #following = $state(false);
  #milestones = new Milestones();
  /** Its id, once it is saved. */
  savedAs: string | undefined;
  /** Whether it was resumed: else it is new, also after it was saved. */
  #resumed = false;
  /** Whether no step was reported since it was started or resumed. */
  #fresh = true;
  #rest: Promise<unknown> = Promise.resolve();
  /** What another tab has reported of this run since it saved it. */
  #news: RunUpdate[] = [];
  /** Counts requests to draw a run: only the last one is drawn. */
  #asked = 0;
  readonly #session: SessionState;
  readonly #changed: (ended: boolean) => void;

  /** @param changed called when lists have changed: a run was saved for the first time, ended or paused */
  constructor(session: SessionState, changed: (ended: boolean) => void) {
    super();
    this.#session = session;
    this.#changed = changed;
  }

  get active(): boolean {
    return this.preparing || this.#following || this.sweeping;
  }

  /** Waits for a sweep to rest. Nothing else trains meanwhile, and a pause is a pause of the sweep. */
  async whileSweeping<T>(rest: Promise<T>, isFolds: boolean): Promise<T> {
    this.sweeping = true;
    this.crossValidating = isFolds;
    this.#rest = rest;
    try {
      return await rest;
    } finally {
      this.sweeping = this.crossValidating = false;
      this.asked = undefined;
    }
  }

  /** Whether another tab trains it: nothing can be done with it here meanwhile, and nothing is known of how it ends. */
  get elsewhere(): boolean {
    return !this.active && this.status === 'running';
  }

  /** Whether the worker prepares it, which can be stopped. */
  get withdrawable(): boolean {
    return this.preparing && this.#following;
  }

  /** Whether what it has learned can be asked: full fine-tuning makes a model, which can be opened once it has ended. */
  get hasAdapter(): boolean {
    return (
      this.isLoaded &&
      !this.encodes &&
      this.points.length > 0 &&
      this.status !== 'cancelled' &&
      resultOf(this.options ?? {}) === 'adapter'
    );
  }

  /** Whether it tunes an encoder, which answers nothing and is not the open model. */
  get encodes(): boolean {
    return this.options !== undefined && isOfEncoder(this.options);
  }

  /** For a run whose model and rows are being opened first. */
  prepare(): void {
    this.clear(undefined);
    this.preparing = true;
  }

  /** @param begin starts it with these settings, on the open model and rows if left out */
  start(
    options: FormSpec,
    begin: (hear: (event: RunUpdate) => void) => Promise<Outcome<{ readonly run: RunRecord }>> = (hear) =>
      this.#session.worker.startRun(options, hear),
  ): Promise<boolean> {
    this.clear(options);
    this.preparing = true;
    this.#resumed = false;
    void this.#session.keepStorage();
    return this.#follow(begin((event) => this.#hear(event)));
  }

  async resume(summary: RunSummary): Promise<boolean> {
    if (this.active) return false;
    this.preparing = true;
    if (!(await this.#read(summary))) {
      this.preparing = false;
      return false;
    }
    if (!(await this.#openModelOf(summary))) return false;
    this.#resumed = true;
    return this.#follow(this.#session.worker.resumeRun(summary.id, (event) => this.#hear(event)));
  }

  /** Draws a run from the list. */
  async show(summary: RunSummary): Promise<void> {
    if (!this.active) await this.#read(summary);
  }

  /** Follows what the run on the screen does in another tab. Its end is read from its record, when that is written. */
  hearElsewhere({ id, events }: RunNews): void {
    if (this.active || id !== this.record?.id) return;
    for (const event of events) {
      if (event.type === 'status') continue;
      // What is saved is in the record, which is read again then.
      if (event.type === 'checkpoint') this.#news = [];
      else this.#news.push(event);
      this.status = 'running';
      this.note(event);
    }
  }

  /** Reads the curve, which lists do not have. @returns whether it is drawn now: another may have been asked for meanwhile */
  async #read({ id }: RunSummary): Promise<boolean> {
    const asked = ++this.#asked;
    const outcome = await this.#session.worker.readRun(id);
    if (asked !== this.#asked || this.#following) return false;
    if (outcome.ok) {
      const { preparing } = this;
      // What another tab has done since it saved this.
      const news = id === this.record?.id && outcome.run.status === 'running' ? this.#news : [];
      this.clear(outcome.run.options);
      this.preparing = preparing;
      this.adopt(outcome.run);
      this.#news = news;
      for (const event of news) this.note(event);
    } else {
      this.failure = outcome;
    }
    return outcome.ok;
  }

  /** The model was loaded again: what was on the GPU is in storage only. */
  leaveDevice(): void {
    if (!this.active) this.isLoaded = false;
  }

  /** Draws nothing, as before the first run. */
  forget(): void {
    if (!this.active) this.clear(undefined);
  }

  /** Resolves when the run pauses or ends. */
  async pause(): Promise<void> {
    this.asked = 'pause';
    await this.#session.worker.pauseRun();
    await this.#rest;
  }

  /** Ends it and keeps what it has learned: trained just now, paused, or in storage only. */
  async stop(): Promise<void> {
    this.asked = 'stop';
    if (this.active) await this.#session.worker.stopRun();
    else await this.#end('stop');
  }

  /** Ends it and keeps its curve only. */
  async cancel(): Promise<void> {
    this.asked = 'cancel';
    if (this.active) await this.#session.worker.cancelRun();
    else await this.#end('cancel');
  }

  /** Cancels the start before the first step: a new run is discarded, a resumed one stays as it was. */
  async withdraw(): Promise<void> {
    this.asked = 'cancel';
    if (this.#resumed) await this.#session.worker.pauseRun();
    else await this.#session.worker.cancelRun();
  }

  async #end(how: 'stop' | 'cancel'): Promise<void> {
    const { record } = this;
    this.failure = undefined;
    if (!record || (how === 'stop' && !(await this.#openModelOf(record)))) {
      this.asked = undefined;
      return;
    }
    const outcome = await this.#session.worker.endRun(record.id, how);
    // Another run may be on the screen by now.
    if (record.id === this.record?.id) {
      this.asked = undefined;
      if (outcome.ok) {
        this.adopt(outcome.run);
        void this.#sayLater(this.#milestones.end(outcome.run, this.last));
      } else {
        this.failure = outcome;
      }
    }
    this.#changed(true);
  }

  async #openModelOf({ baseModel, bundled, baseWeights, options }: RunSummary): Promise<boolean> {
    // The worker opens an encoder for its run only.
    if (isOfEncoder(options)) return true;
    this.#session.want({ name: baseModel, bundled });
    if (await this.#session.ensureModel(baseWeights)) return true;
    this.preparing = false;
    this.failure = this.#session.modelFailure;
    return false;
  }

  #follow(answer: Promise<Outcome<{ readonly run: RunRecord }>>): Promise<boolean> {
    this.failure = undefined;
    this.#following = true;
    this.#fresh = true;
    this.isLoaded = true;
    const rest = this.#untilRest(answer);
    this.#rest = rest;
    return rest;
  }

  async #untilRest(answer: Promise<Outcome<{ readonly run: RunRecord }>>): Promise<boolean> {
    const outcome = await answer;
    this.#following = false;
    this.preparing = false;
    this.waiting = false;
    this.phase = undefined;
    this.compiling = undefined;
    this.asked = undefined;
    this.draw();
    if (outcome.ok) {
      this.adopt(outcome.run);
      void this.#sayLater(this.#milestones.end(outcome.run, this.last));
      // A person who paused or discarded the run is at the page.
      if (outcome.run.status === 'done' || outcome.run.status === 'stopped') this.#report();
    } else if (outcome.code === 'run-cancelled') {
      this.clear(undefined);
      this.#say('Cancelled: nothing was trained.');
    } else {
      // The worker has reported the run's status, unless it failed before.
      if (this.status === 'running') this.status = 'failed';
      this.failure = outcome;
      await this.#readEnd();
      this.#say(`The run cannot continue. ${outcome.what}`);
      this.#report(outcome);
    }
    this.#changed(true);
    return outcome.ok;
  }

  /** Reads what a failure left in storage: whether the run can continue, and the reading of its curve. The curve itself is drawn already. */
  async #readEnd(): Promise<void> {
    // The list of runs may not have been read since it was saved.
    const idNow = (): string | undefined => this.record?.id ?? this.savedAs;
    const id = idNow();
    const stored = id === undefined ? undefined : await this.#session.worker.readRun(id);
    if (!stored?.ok || id !== idNow()) return;
    this.record = stored.run;
    this.reading = stored.run.reading;
  }

  #hear(event: RunUpdate): void {
    const saved = this.checkpoint !== undefined;
    this.note(event);
    if (event.type === 'step') this.#step(event);
    else if (event.type === 'eval') this.#sayBest(event, event.best);
    else if (event.type === 'reading')
      void this.#sayLater(this.#milestones.trouble(event.reading, this.options));
    else if (event.type === 'checkpoint') {
      this.savedAs = event.id;
      if (!saved) this.#changed(false);
    }
  }

  #sayBest(point: EvalPoint, best: boolean): void {
    const [{ step, loss }] = shownPoints([point], this.drawn);
    this.#say(this.#milestones.evaluation(step, loss, best, curveWords(this.drawn).name));
  }

  #step(point: StepPoint): void {
    this.preparing = false;
    const smoothed = (): number => this.trainingLoss ?? point.loss;
    this.#say(this.#milestones.step(point, this.#fresh, smoothed, curveWords(this.drawn).name));
    if (this.#fresh) void this.#plan();
    this.#fresh = false;
  }

  /** Plans the memory, to show next to the measured number: the number that the form showed. */
  async #plan(): Promise<void> {
    // The plan is of the open model.
    const options = this.encodes ? undefined : this.options;
    const outcome = options && (await this.#session.worker.planRun(options));
    if (outcome?.ok && options === this.options) this.planned ??= outcome.memory.peakBytes;
  }

  protected override clear(options: FormSpec | undefined): void {
    this.#asked++;
    this.#news = [];
    this.savedAs = undefined;
    this.isLoaded = false;
    this.asked = undefined;
    this.#milestones = new Milestones();
    super.clear(options);
  }

  #report(failure?: Failure): void {
    const name = this.options?.name ?? 'The run';
    const title = failure ? `${name} cannot continue` : `${name} is done`;
    const went = this.reading ? fromTo(this.reading) : '';
    const where = this.last ? `Step ${this.last.step}${went && `, ${went}`}. ` : '';
    void this.#session.notifier.report(
      title,
      failure?.what ?? `${where}The ${resultOf(this.options ?? {})} is kept.`,
    );
  }

  async #sayLater(text: Promise<string | undefined>): Promise<void> {
    this.#say(await text);
  }

  #say(text: string | undefined): void {
    if (text !== undefined) this.#session.announcer.say(text);
  }
}
