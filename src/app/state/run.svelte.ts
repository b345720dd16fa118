/** The run on the screen: the one that is going, or one from the list. */
import type {
  Failure,
  Outcome,
  RunEvent,
  RunOptions,
  RunRecord,
  RunStatus,
  StepPoint,
} from '../../worker/api.ts';
import type { Session } from './session.svelte.ts';

export interface EvalPoint {
  readonly step: number;
  readonly loss: number;
}
export interface SamplePoint {
  readonly step: number;
  readonly text: string;
}

/** A step that is said aloud: every quarter of the run. */
const QUARTERS = 4;

export class Run {
  /** What it runs or ran with. */
  options = $state.raw<RunOptions>();
  record = $state.raw<RunRecord>();
  status = $state<RunStatus>();
  compiling = $state.raw<{ readonly done: number; readonly total: number }>();
  failure = $state.raw<Failure>();
  evals = $state.raw<readonly EvalPoint[]>([]);
  samples = $state.raw<readonly SamplePoint[]>([]);
  checkpoint = $state<number>();
  /** The button was pressed and the worker has not answered yet. */
  asked = $state<'pause' | 'stop' | 'cancel'>();
  /** It was trained in this tab, so that the worker means it by `current`. */
  isLoaded = $state(false);
  /** Asked to begin, and no step is there yet. */
  preparing = $state(false);
  /** This tab has it on its GPU. A record may say `running` of another tab. */
  #following = $state(false);
  last = $state.raw<StepPoint>();
  #points: StepPoint[] = [];
  #version = $state(0);
  #quarter = 0;
  readonly #session: Session;
  readonly #ended: () => void;

  /** @param ended called when a run ends or pauses: lists have changed */
  constructor(session: Session, ended: () => void) {
    this.#session = session;
    this.#ended = ended;
  }

  /** In order of steps. The array grows in place: `version` is what changes. */
  get points(): readonly StepPoint[] {
    return this.#version >= 0 ? this.#points : [];
  }

  get version(): number {
    return this.#version;
  }

  get active(): boolean {
    return this.preparing || this.#following;
  }

  /** For a run whose model and rows are being opened first. */
  prepare(): void {
    this.#clear(undefined);
    this.preparing = true;
  }

  async start(options: RunOptions): Promise<boolean> {
    this.#clear(options);
    this.preparing = true;
    void this.#session.keepStorage();
    return this.#follow(this.#session.worker.startRun(options, (event) => this.#hear(event)));
  }

  async resume(record: RunRecord): Promise<boolean> {
    if (this.active) return false;
    this.show(record);
    this.preparing = true;
    if (this.#session.isBundledName(record.baseModel) && !(await this.#session.ensureModel())) {
      this.preparing = false;
      this.failure = this.#session.modelFailure;
      return false;
    }
    return this.#follow(this.#session.worker.resumeRun(record.id, (event) => this.#hear(event)));
  }

  /** Draws a run from the list. */
  show(record: RunRecord): void {
    if (this.active) return;
    this.#clear(record.options);
    this.#adopt(record);
  }

  async pause(): Promise<void> {
    this.asked = 'pause';
    await this.#session.worker.pauseRun();
  }
  async stop(): Promise<void> {
    this.asked = 'stop';
    await this.#session.worker.stopRun();
    // A paused run has no call to answer.
    if (!this.active) await this.#reload('stopped');
  }
  async cancel(): Promise<void> {
    this.asked = 'cancel';
    await this.#session.worker.cancelRun();
    if (!this.active) await this.#reload('cancelled');
  }

  async #follow(answer: Promise<Outcome<{ readonly run: RunRecord }>>): Promise<boolean> {
    this.failure = undefined;
    this.#following = true;
    this.isLoaded = true;
    const outcome = await answer;
    this.#following = false;
    this.preparing = false;
    this.compiling = undefined;
    this.asked = undefined;
    if (outcome.ok) {
      this.#adopt(outcome.run);
      this.#sayEnd();
    } else {
      // The worker said where the run stands, unless it did not come that far.
      if (this.status === undefined || this.status === 'running') this.status = 'failed';
      this.failure = outcome;
      this.#session.announcer.say(`The run does not go on. ${outcome.what}`);
    }
    this.#ended();
    return outcome.ok;
  }

  #hear(event: RunEvent): void {
    switch (event.type) {
      case 'compile':
        this.compiling = event;
        break;
      case 'step':
        this.preparing = false;
        this.compiling = undefined;
        this.status = 'running';
        this.#push(event);
        break;
      case 'eval':
        this.evals = [...this.evals.filter(({ step }) => step < event.step), event];
        break;
      case 'sample':
        this.samples = [...this.samples.filter(({ step }) => step < event.step), event];
        break;
      case 'checkpoint':
        this.checkpoint = event.step;
        break;
      case 'status':
        this.status = event.status;
        if (event.failure) this.failure = event.failure;
        break;
    }
  }

  #push(point: StepPoint): void {
    // A resumed run may replay from its last checkpoint: the same steps again, with the same numbers.
    while (this.#points.length > 0 && this.#points[this.#points.length - 1].step >= point.step)
      this.#points.pop();
    if (this.#points.length === 0)
      this.#session.announcer.say(`The first step is done: loss ${point.loss.toFixed(2)}.`);
    this.#points.push(point);
    this.last = point;
    this.#version++;
    const quarter = Math.floor((QUARTERS * point.step) / point.steps);
    if (quarter > this.#quarter && quarter < QUARTERS) {
      this.#quarter = quarter;
      this.#session.announcer.say(`Step ${point.step} of ${point.steps}, loss ${point.loss.toFixed(2)}.`);
    }
  }

  #adopt(record: RunRecord): void {
    this.record = record;
    this.options = record.options;
    this.status = record.status;
    this.#points = [...record.steps];
    this.last = record.steps.at(-1);
    this.evals = record.evals;
    this.samples = record.samples;
    this.#version++;
  }

  #clear(options: RunOptions | undefined): void {
    this.options = options;
    this.isLoaded = false;
    this.record = undefined;
    this.status = undefined;
    this.failure = undefined;
    this.compiling = undefined;
    this.checkpoint = undefined;
    this.asked = undefined;
    this.evals = [];
    this.samples = [];
    this.#points = [];
    this.last = undefined;
    this.#quarter = 0;
    this.#version++;
  }

  async #reload(fallback: RunStatus): Promise<void> {
    this.asked = undefined;
    this.status = fallback;
    const outcome = await this.#session.worker.listRuns();
    const record = outcome.ok ? outcome.runs.find(({ id }) => id === this.record?.id) : undefined;
    if (record) this.#adopt(record);
    this.#sayEnd();
    this.#ended();
  }

  #sayEnd(): void {
    const loss = this.last ? ` Loss ${this.last.loss.toFixed(2)}.` : '';
    const words: Partial<Record<RunStatus, string>> = {
      done: 'The run is done and its adapter is kept.',
      paused: 'The run is paused.',
      stopped: 'The run is stopped and its adapter is kept.',
      cancelled: 'The run is discarded.',
      failed: 'The run failed.',
    };
    if (this.status && words[this.status]) this.#session.announcer.say(words[this.status] + loss);
  }
}
