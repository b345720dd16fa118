/** A run in training. It pauses between steps for a sample answer or a saved state, and its store keeps its events. */
import type { TrainEvent } from '../train/events.ts';
import { isScoringFailure, type Scoring } from '../train/policy/scoring.ts';
import type { TrainerState } from '../train/state.ts';
import type { Trainable } from '../train/step-plans.ts';
import { Trainer } from '../train/trainer.ts';
import type { RunEvent } from './events.ts';
import type { SaveClock } from './save-clock.ts';
import type { Ending, Learned, RunRows, Store } from './store.ts';
import type { RunSpec } from '../settings/spec.ts';

/** A prompt that is answered at an interval of steps, to show how the run learns. */
export interface SampleSchedule {
  readonly every: number;
  /** The most tokens of an answer. */
  readonly tokens: number;
  /** @returns undefined if the model's logits are not finite: the next step reports that */
  readonly answer: (trainable: Trainable, onToken: () => void) => Promise<string | undefined>;
}

/** The loss on general text, measured at an interval of steps, to show what the run forgets. */
interface GeneralLossWatch {
  readonly every: number;
  readonly measure: (trainable: Trainable) => Promise<number>;
}

export interface RunRequest {
  readonly trainable: Trainable;
  readonly options: RunSpec;
  readonly rows: RunRows;
  /** The saved state to resume from. */
  readonly state?: TrainerState;
  readonly store: Store;
  readonly clock: SaveClock;
  readonly samples?: SampleSchedule;
  readonly watch?: GeneralLossWatch;
  /** The rewards, for an objective that samples answers. */
  readonly scoring?: Scoring;
  /** It pauses after this step and its validation, and is saved. */
  readonly pauseAfter?: number | undefined;
  /** Before the first step, answer the prompt and measure the validation rows with the untrained adapter: the start of the curve. */
  readonly fromUntrained?: boolean;
  /** May throw while shaders are compiled, which ends compilation; not later. */
  readonly onEvent?: (event: RunEvent) => void;
}

/** Why training rests. */
export type Rest = 'paused' | 'done' | 'stopped' | 'cancelled';

export class TrainingRun {
  #trainer!: Trainer;
  /** It was asked to pause. */
  #pausing = false;
  /** A person who pauses or ends a run should not have to wait for the end of a validation. */
  #hurried = false;

  private constructor(private readonly request: RunRequest) {}

  /**
   * Compiles a run, and restores its state.
   *
   * @throws GraftError `train-…`, `engine-…`, and what `onEvent` throws
   */
  static async create(request: RunRequest): Promise<TrainingRun> {
    const { trainable, options, rows, state, samples, scoring } = request;
    const run = new TrainingRun(request);
    run.#trainer = await Trainer.create({
      trainable,
      options,
      rows: rows.train,
      validation: rows.validation,
      state,
      sampleEvery: samples?.every,
      scoring,
      onEvent: (event) => run.#hearTrainer(event),
    });
    return run;
  }

  /** Steps of the whole run. */
  get steps(): number {
    return this.#trainer.steps;
  }

  /** Steps done. */
  get step(): number {
    return this.#trainer.step;
  }

  /** Whether it failed, so that the values on the GPU must not be saved. */
  get failed(): boolean {
    return this.#trainer.status === 'failed';
  }

  /** How the run ended, at its last step or by request; undefined while it can be continued. */
  get end(): 'done' | 'stopped' | 'cancelled' | undefined {
    const { status } = this.#trainer;
    return status === 'done' || status === 'stopped' || status === 'cancelled' ? status : undefined;
  }

  /** Asks to pause. It ends a validation that is under way, as `stop` and `cancel` do: after a pause that is repeated when the run is resumed. */
  pause(): void {
    this.#pausing = true;
    this.#hurried = true;
    this.#trainer.pause();
  }

  /** Asks to end here and keep the result. */
  stop(): void {
    this.#hurried = true;
    this.#trainer.stop();
  }

  /** Asks to end here; the caller discards the result. */
  cancel(): void {
    this.#hurried = true;
    this.#trainer.cancel();
  }

  /**
   * Trains until the run has ended or was asked to pause. Paused, its state is saved, and it can be trained again.
   *
   * @throws GraftError `train-diverged`, `engine-…`, and what the store throws; `reward-…` if answers get no scores: the state before is saved
   */
  async train(): Promise<Rest> {
    if (this.request.clock.dueAtStart) await this.save('running');
    try {
      if (this.step === 0 && this.request.fromUntrained) await this.#begin();
      // Nothing is awaited between the question and the answer: the trainer forgets a pause that comes before it runs.
      while (!this.end && !this.#pausing) await this.#advance();
    } catch (error) {
      if (isScoringFailure(error)) await this.save('paused');
      throw error;
    }
    if (this.end) return this.end;
    try {
      await this.save('paused');
    } finally {
      // It rests even if it could not be saved, and can be continued.
      this.#pausing = false;
      this.#hurried = false;
    }
    return 'paused';
  }

  /** Writes the state into the store. @throws what the store throws */
  async save(status: 'running' | 'paused'): Promise<void> {
    const { clock, store, rows } = this.request;
    const { step } = this;
    this.#hear({ type: 'saving', step });
    const state = await this.#trainer.state();
    await clock.save(step, () => store.state(state, rows, status));
    this.#hear({ type: 'saved', step });
  }

  /** The current state, for another store. */
  state(): Promise<TrainerState> {
    return this.#trainer.state();
  }

  /** Gives the result to the store. @throws what the store throws */
  async keep(ending: Ending): Promise<void> {
    await this.request.store.result(await this.#learned(), ending);
  }

  /** Whether the result has only finite numbers. */
  async isFinite(): Promise<boolean> {
    const { tensors } = await this.#learned();
    return [...tensors.values()].every((values) => values.every((value) => Number.isFinite(value)));
  }

  /** Frees the plans; the trained values stay. */
  destroy(): Promise<void> {
    return this.#trainer.destroy();
  }

  async #learned(): Promise<Learned> {
    const { step, bestEvalLoss } = this.#trainer;
    return { step, bestEvalLoss, tensors: await this.#trainer.result() };
  }

  async #begin(): Promise<void> {
    const { options, samples, store } = this.request;
    if (samples && store.curve.samples.length === 0) await this.#sample(samples);
    if (options.evalEvery === 0) return;
    const isHeard = store.curve.evals.length > 0;
    const measured = await this.#trainer.evaluateStart(() => this.#hurried);
    // A run that was killed after this validation has its loss, and measures the values again.
    if (measured && !isHeard) this.#hear({ type: 'eval', step: 0, ...measured, best: false });
  }

  /** Trains until something is due or requested, and does what is due. */
  async #advance(): Promise<void> {
    const { clock, samples, watch, store, pauseAfter = Infinity } = this.request;
    const trainer = this.#trainer;
    const until = (due?: { readonly every: number }): number =>
      due ? due.every - (trainer.step % due.every) : Infinity;
    const steps = Math.min(
      until(samples),
      until(watch),
      clock.stepsLeft(trainer.step) ?? Infinity,
      pauseAfter > trainer.step ? pauseAfter - trainer.step : Infinity,
    );
    // A validation that was interrupted comes before anything else of its step.
    const status = await trainer.run(trainer.evaluationDue ? 0 : steps);
    await store.settle();
    const isAt = ({ every }: { readonly every: number }): boolean =>
      trainer.step % every === 0 && !trainer.evaluationDue && (status === 'paused' || status === 'done');
    if (samples && isAt(samples)) await this.#sample(samples);
    if (watch && isAt(watch)) await this.#watch(watch);
    if (trainer.step === pauseAfter && !trainer.evaluationDue) this.#pausing = true;
    // A run that was asked to pause is saved once, when it rests.
    if (status === 'paused' && !this.#pausing && clock.due(trainer.step)) await this.save('running');
  }

  async #sample({ tokens, answer }: SampleSchedule): Promise<void> {
    const { step, timeLeft } = this.#trainer;
    const began = performance.now();
    let done = 0;
    const report = (): void => this.#hear({ type: 'answer', step, done, total: tokens });
    report();
    const text = await answer(this.request.trainable, () => {
      done++;
      report();
    });
    if (text === undefined) return;
    const seconds = (performance.now() - began) / 1000;
    timeLeft.took('sample', seconds);
    this.#hear({ type: 'sample', step, text, seconds });
  }

  async #watch({ measure }: GeneralLossWatch): Promise<void> {
    const { step } = this.#trainer;
    this.#hear({ type: 'general', step, loss: await measure(this.request.trainable) });
  }

  #hearTrainer(event: TrainEvent): void {
    // The trainer's own status changes with every rest; the run's is what `train` returns.
    if (event.type === 'status') return;
    this.#hear(event);
    // The trainer does not exist yet.
    if (event.type === 'compile' || event.type === 'layout') return;
    const { clock, store } = this.request;
    if (event.type === 'step' && clock.due(event.step)) this.#trainer.pause({ afterValidation: true });
    if (store.failure) this.#trainer.pause();
  }

  #hear(event: RunEvent): void {
    this.request.store.hear(event);
    this.request.onEvent?.(event);
  }
}
