/** What the page shows of a run: its curve and its numbers, from a record or from the events of a run that trains. */
import type {
  CurveWords,
  EvalPoint,
  Failure,
  Reading,
  RolloutEvent,
  RunUpdate,
  FormSpec,
  RunPhase,
  RunRecord,
  RunStatus,
  RunSummary,
  SamplePoint,
  StepPoint,
} from '../../worker/api.ts';
import { smooth } from '../../smooth.ts';
import { shownPoints } from './shown.ts';

/** How well the model predicts without any adapter. */
interface BaseLoss {
  readonly loss: number;
  readonly of: 'validation' | 'first step';
}

/** Steps may come faster than the eye can follow: the page is updated this often. */
const SHOWN_EVERY_MS = 100;

/** Events that do not end the current phase. */
const BESIDE: readonly RunUpdate['type'][] = ['phase', 'memory', 'reading', 'rollout'];

export class ShownRun {
  /** What it runs or ran with. */
  options = $state.raw<FormSpec>();
  record = $state.raw<RunSummary>();
  status = $state<RunStatus>();
  compiling = $state.raw<{ readonly done: number; readonly total: number }>();
  /** What it does between its steps. */
  phase = $state.raw<RunPhase>();
  /** An estimate for all that is still to come, validations and answers included. */
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();
  evals = $state.raw<readonly EvalPoint[]>([]);
  samples = $state.raw<readonly SamplePoint[]>([]);
  /** The answers that the last step learned from, of one prompt. */
  rollout = $state.raw<RolloutEvent>();
  /** What its curve says so far. */
  reading = $state.raw<Reading>();
  /** GPU memory of the run, base model included: the most at once, as it was planned; bytes. */
  planned = $state<number>();
  /** The measured number, including everything else that this tab has on the GPU. */
  taken = $state<number>();
  checkpoint = $state<number>();
  /** The loss on general text after some of its steps. */
  forgotten = $state.raw<readonly { readonly step: number; readonly loss: number }[]>([]);
  /** Whether it waits until something else releases the device. */
  waiting = $state(false);
  /** The last step that is drawn. */
  last = $state.raw<StepPoint>();
  #points: StepPoint[] = [];
  #version = $state(0);
  #shown = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** In order of steps. The array grows in place: `version` is what changes. */
  get points(): readonly StepPoint[] {
    return this.#version >= 0 ? this.#points : [];
  }

  /** Smoothed, at the last step; the reward if a run learns from rewards. */
  get trainingLoss(): number | undefined {
    const points = shownPoints(this.points, this.drawn);
    return smooth(
      points.map(({ loss }) => loss),
      points.at(-1)?.steps ?? 1,
    ).at(-1);
  }

  /** The lowest validation, that before the first step included once there is another: its values are kept. */
  get best(): EvalPoint | undefined {
    if (!this.evals.some(({ step }) => step > 0)) return undefined;
    return this.evals.reduce((min, entry) => (min.loss <= entry.loss ? min : entry));
  }

  get version(): number {
    return this.#version;
  }

  /** The start of the curve: validation before the first step, or the loss of the first step, before any update. */
  get base(): BaseLoss | undefined {
    const before = this.evals.at(0);
    if (before?.step === 0) return { loss: before.loss, of: 'validation' };
    const first = this.points.at(0);
    return first?.step === 1 ? { loss: first.loss, of: 'first step' } : undefined;
  }

  /** The number that is drawn in place of the loss, from the reports of the steps. */
  protected get drawn(): Pick<CurveWords, 'drawn'> {
    return typeof this.#points[0]?.report?.['reward'] === 'number' ? { drawn: 'reward' } : {};
  }

  /** Adds an event of the run to what is shown. */
  protected note(event: RunUpdate): void {
    this.waiting = event.type === 'wait';
    if (!BESIDE.includes(event.type)) this.phase = undefined;
    switch (event.type) {
      case 'wait':
        break;
      case 'compile':
        this.compiling = event;
        break;
      case 'step':
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
      case 'phase':
        this.phase = event.phase;
        if (event.secondsLeft !== undefined) this.secondsLeft = event.secondsLeft;
        break;
      case 'general':
        this.forgotten = [...this.forgotten.filter(({ step }) => step < event.step), event];
        break;
      case 'rollout':
        this.rollout = event;
        break;
      case 'memory':
        this.taken = event.taken;
        break;
      case 'reading':
        this.reading = event.reading;
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
    this.#points.push(point);
    const wait = this.#shown + SHOWN_EVERY_MS - performance.now();
    if (wait <= 0) this.draw();
    else this.#timer ??= setTimeout(() => this.draw(), wait);
  }

  /** Brings what is drawn up to the last step. */
  protected draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shown = performance.now();
    this.last = this.#points.at(-1);
    if (!this.phase) this.secondsLeft = this.last?.secondsLeft;
    this.#version++;
  }

  /** Shows what was stored. */
  protected adopt(record: RunRecord): void {
    this.record = record;
    this.options = record.options;
    this.status = record.status;
    this.#points = [...record.steps];
    this.evals = record.evals;
    this.samples = record.samples;
    this.forgotten = record.forgetting?.during ?? [];
    this.rollout = record.rollout;
    this.reading = record.reading;
    this.taken = record.takenBytes;
    this.draw();
  }

  /** Shows nothing of the run before. */
  protected clear(options: FormSpec | undefined): void {
    this.options = options;
    this.record = undefined;
    this.status = undefined;
    this.failure = undefined;
    this.compiling = undefined;
    this.phase = undefined;
    this.checkpoint = undefined;
    this.evals = [];
    this.samples = [];
    this.forgotten = [];
    this.rollout = undefined;
    this.reading = undefined;
    this.planned = this.taken = undefined;
    this.#points = [];
    this.draw();
  }
}
