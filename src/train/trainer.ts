/**
 * The training loop. A step is submitted while the one before still runs; its loss comes back through a ring of staging buffers.
 * Nothing in a step allocates, compiles or awaits the GPU's answer to itself.
 */
import type { Plan } from '../engine/plan.ts';
import { GraftError } from '../errors.ts';
import type { Optimiser } from '../optimisers/optimiser.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { Best } from './best.ts';
import type { StepEvent, TrainEvent, TrainerStatus } from './events.ts';
import type { MeasuredLearning } from './learning.ts';
import { isScoringFailure } from './policy/scoring.ts';
import { setUp, type Setup, type TrainerRequest } from './setup.ts';
import type { NamedArrays, TrainerState } from './state.ts';
import type { Submitted } from './steps.ts';
import { secondsUntilDone, RunTimeLeft } from './time-left.ts';

export class Trainer {
  readonly steps: number;
  /** The measured times; the caller adds the time of work between steps. */
  readonly timeLeft: RunTimeLeft;
  readonly #optimiser: Optimiser;
  #step = 0;
  /** The step at which this trainer began: 0, or that of a saved run. */
  #firstStep = 0;
  #status: TrainerStatus = 'ready';
  #request: 'pause' | 'stop' | 'cancel' | undefined;
  /** A person who paused should not have to wait for the end of a validation. */
  #hurried = false;
  readonly #best = new Best();
  #evaluationDue = false;

  private constructor(
    private readonly setup: Setup,
    private readonly emit: (event: TrainEvent) => void,
    sampleEvery: number,
  ) {
    const { steps, options, validation } = setup;
    this.steps = steps;
    this.#optimiser = optimiserOf(options.optimiser);
    const evalEvery = validation.length > 0 ? options.evalEvery : 0;
    this.timeLeft = new RunTimeLeft({ steps, evalEvery, sampleEvery });
  }

  /**
   * Compiles everything that the run will need.
   *
   * @throws GraftError `train-option`, `train-rows`, `train-objective`, `train-resume`, `engine-…`
   */
  static async create(request: TrainerRequest): Promise<Trainer> {
    const { sampleEvery = 0, onEvent = () => undefined, state } = request;
    const trainer = new Trainer(await setUp(request), onEvent, sampleEvery);
    if (state) trainer.#restore(state);
    return trainer;
  }

  get status(): TrainerStatus {
    return this.#status;
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Whether the validation of this step was interrupted: it is made before the next step. */
  get evaluationDue(): boolean {
    return this.#evaluationDue;
  }

  get bestEvalLoss(): number | undefined {
    return this.#best.loss;
  }

  /** Bytes of the slots that the plans share, and the least that any assignment of slots needs. For reports. */
  get memory(): { peakBytes: number; minimumBytes: number } {
    const largest = this.setup.plans.gradients[this.setup.plans.gradients.length - 1].plan.size;
    return { peakBytes: largest.peakBytes, minimumBytes: largest.minimumBytes };
  }

  /** The plans of a step with one micro-batch, in the order in which they run: for measurements. */
  get stepPlans(): readonly Plan[] {
    return [this.setup.plans.gradients[this.setup.plans.gradients.length - 1].plan, this.setup.plans.update];
  }

  /**
   * Trains until the run is done, paused, stopped or cancelled, and says which. A paused trainer can be sampled from, and run again.
   *
   * @param steps pause after this many; an interrupted validation comes before them
   * @throws GraftError `train-diverged` if the loss is not finite (the previous values are kept), `engine-…`; `reward-…` if answers get no scores,
   * which pauses it before the step
   */
  async run(steps = Infinity): Promise<TrainerStatus> {
    if (this.#status !== 'ready' && this.#status !== 'paused')
      throw new Error(`A trainer that is ${this.#status} cannot run`);
    this.#request = undefined;
    this.#hurried = false;
    this.#setStatus('running');
    try {
      this.#setStatus(await this.#loop(Math.min(this.steps, this.#step + steps)));
    } catch (error) {
      this.#setStatus(isScoringFailure(error) ? 'paused' : 'failed');
      throw error;
    }
    return this.#status;
  }

  /**
   * Asks a running trainer to pause after the steps already submitted.
   *
   * @param afterValidation finishes a validation that is under way, or belongs to the last step; otherwise it is interrupted, and repeated when the
   * run is resumed
   */
  pause({ afterValidation = false } = {}): void {
    this.#request ??= 'pause';
    if (!afterValidation) this.#hurried = true;
  }

  /** Asks to end here and keep the result. */
  stop(): void {
    this.#end('stop');
  }

  /** Asks to end here; the caller discards the result. */
  cancel(): void {
    this.#end('cancel');
  }

  /**
   * Mean loss over the validation rows, and the objective's reports. Events report the progress.
   *
   * @param isInterrupted called regularly: true interrupts
   * @returns undefined if there are no such rows, or it was interrupted
   */
  async evaluate(isInterrupted = (): boolean => false): Promise<MeasuredLearning | undefined> {
    if (this.setup.validation.length === 0 || !(await this.#knowReference(isInterrupted))) return undefined;
    const began = performance.now();
    const elapsed = (): number => (performance.now() - began) / 1000;
    const onProgress = (done: number, total: number): void => this.#tellValidation(done, total, elapsed());
    const measured = await this.setup.submitter.validate({ onProgress, isInterrupted });
    if (measured === undefined) return undefined;
    this.timeLeft.took('validation', elapsed());
    return measured;
  }

  /**
   * Measures the validation rows before the first step. What the run starts from is a candidate for its result: later validations have to be better.
   *
   * @returns undefined as {@link evaluate}, and if it was measured already
   */
  async evaluateStart(isInterrupted = (): boolean => false): Promise<MeasuredLearning | undefined> {
    if (this.#best.isKnown) return undefined;
    const measured = await this.evaluate(isInterrupted);
    if (measured) this.#best.begin(measured.loss, await this.#values());
    return measured;
  }

  /** The state from which the run can be resumed. Call while the trainer is not running. */
  async state(): Promise<TrainerState> {
    const { adapter, store } = this.setup.trainable;
    const source = adapter ?? store;
    const optimiser = new Map<string, NamedArrays>();
    for (const plane of this.#optimiser.planes) optimiser.set(plane, await source.read(plane));
    return {
      counters: {
        step: this.#step,
        steps: this.steps,
        seed: this.setup.options.seed,
        ...this.#best.counters,
        ...(this.#evaluationDue && { evaluationDue: true }),
      },
      values: await source.read(),
      optimiser,
      ...this.#best.arrays,
      reference: this.setup.reference?.arrays ?? (await this.setup.plans.start?.read()),
    };
  }

  /** The trained tensors: those of the best evaluation if there was one, otherwise the last. */
  async result(): Promise<NamedArrays> {
    return this.#best.values ?? this.#values();
  }

  /** Frees plans and small buffers; the adapter and the model stay. */
  async destroy(): Promise<void> {
    const { device } = this.setup.trainable.model;
    if (!device.failure) await device.settle();
    this.setup.plans.destroy();
    this.setup.ring.destroy();
    for (const ring of this.setup.taskRings) ring.destroy();
  }

  async #loop(last: number): Promise<TrainerStatus> {
    // An interruption means a pause: no step follows.
    await this.#knowReference(() => this.#request !== undefined);
    if (this.#evaluationDue) await this.#judge();
    const { submitter, trainable } = this.setup;
    let time = performance.now();
    let waiting: Submitted | undefined;
    let submitted = this.#step;
    const finish = async (): Promise<void> => {
      if (!waiting) return;
      const done = waiting;
      waiting = undefined;
      time = await this.#report(done, time);
    };
    while (submitted < last && !this.#request) {
      const next = await submitter.submit(submitted, () => this.#request !== undefined);
      // An interruption means a pause.
      if (!next) break;
      submitted++;
      await finish();
      waiting = next;
      // A GPU computes it while the next one is prepared. A processor has finished it already.
      if (trainable.model.device.processor || submitter.awaits) await finish();
      if (this.#evaluatesAfter(submitted)) {
        await finish();
        this.#evaluationDue = true;
        await this.#judge();
        time = performance.now();
      }
    }
    await finish();
    if (this.#request === 'cancel') return 'cancelled';
    if (this.#step >= this.steps && !this.#evaluationDue) return 'done';
    return this.#request === 'stop' ? 'stopped' : 'paused';
  }

  /** At the set interval, and at the end of the run: the last values may be the best. */
  #evaluatesAfter(step: number): boolean {
    const { evalEvery } = this.setup.options;
    return (
      evalEvery > 0 && this.setup.validation.length > 0 && (step % evalEvery === 0 || step === this.steps)
    );
  }

  async #report(submitted: Submitted, since: number): Promise<number> {
    const { step, lr, supervised, tokens, computed } = submitted;
    const { broken, ...measured } = await this.setup.submitter.outcome(submitted);
    const { device } = this.setup.trainable.model;
    if (broken) {
      // The values of this step gave a loss that is not finite; those of the step before gave a finite one.
      if (step > this.#firstStep) {
        this.setup.trainable.store.undoUpdate();
        this.#step = step - 1;
      }
      throw new GraftError(
        'train-diverged',
        `The loss or the gradient of step ${step + 1} is not a finite number${this.#step > 0 ? `; what was learned until step ${this.#step} is kept` : ''}.`,
        'Try a lower learning rate, more warm-up, clipping, or f32 precision.',
      );
    }
    const now = performance.now();
    const seconds = (now - since) / 1000;
    this.#step = step + 1;
    this.timeLeft.took('step', seconds);
    const event: StepEvent = {
      type: 'step',
      step: step + 1,
      steps: this.steps,
      ...measured,
      lr,
      supervisedTokens: supervised,
      tokens,
      ...(computed !== undefined && { computedTokens: computed }),
      seconds,
      tokensPerSecond: tokens / seconds,
      secondsLeft: this.timeLeft.after(this.#step) ?? 0,
      gpuBytes: device.allocatedBytes,
    };
    this.emit(event);
    return now;
  }

  /** Computes the log-probabilities of the reference policy if they are needed and unknown. @returns whether the run can continue */
  async #knowReference(isInterrupted: () => boolean): Promise<boolean> {
    if (!this.setup.reference) return true;
    return this.setup.reference.compute(
      (done, total) => this.emit({ type: 'reference', step: 0, done, total }),
      isInterrupted,
    );
  }

  /** @throws GraftError `train-resume` if they are missing or belong to other rows: a trained model cannot give them */
  #restoreReference(step: number, saved: NamedArrays | undefined): void {
    const { reference, plans } = this.setup;
    if (saved) plans.start?.write(saved);
    const wrong =
      plans.start && !saved
        ? 'The saved run has not kept what it started from.'
        : reference && (step > 0 || saved)
          ? reference.restore(saved ?? new Map())
          : undefined;
    if (wrong !== undefined)
      throw new GraftError('train-resume', wrong, 'Resume with the settings and the data of the saved run.');
  }

  #tellValidation(done: number, total: number, elapsed: number): void {
    const step = this.#step;
    const seconds = secondsUntilDone(elapsed, done, total);
    const secondsLeft = seconds === undefined ? undefined : this.timeLeft.validating(step, seconds);
    this.emit({
      type: 'validate',
      step,
      done,
      total,
      ...(seconds !== undefined && { seconds }),
      ...(secondsLeft !== undefined && { secondsLeft }),
    });
  }

  /** Makes the validation that is due, and keeps the best values. Without patience left, it stops the run. */
  async #judge(): Promise<void> {
    const measured = await this.evaluate(() => this.#hurried);
    if (measured === undefined) return;
    this.#evaluationDue = false;
    const best = await this.#best.judge(measured.loss, () => this.#values());
    this.emit({ type: 'eval', step: this.#step, ...measured, best });
    const { patience } = this.setup.options;
    if (patience > 0 && this.#best.since >= patience)
      this.#request = this.#request === 'cancel' ? 'cancel' : 'stop';
  }

  #restore({ counters, values, optimiser, best, start, reference }: TrainerState): void {
    const { adapter, store } = this.setup.trainable;
    for (const [plane, arrays] of [[undefined, values] as const, ...optimiser]) {
      if (adapter) adapter.write(arrays, plane);
      else for (const [name, array] of arrays) store.write(name, array, plane);
    }
    this.#restoreReference(counters.step, reference);
    this.#step = counters.step;
    this.#firstStep = counters.step;
    this.#best.restore({ counters, best, start });
    this.#evaluationDue = counters.evaluationDue ?? false;
    if (this.#step >= this.steps && !this.#evaluationDue) this.#status = 'done';
  }

  #end(request: 'stop' | 'cancel'): void {
    this.#request = request;
    this.#hurried = true;
    if (this.#status === 'ready' || this.#status === 'paused')
      this.#setStatus(request === 'stop' ? 'stopped' : 'cancelled');
  }

  /** The trained tensors as they are now. */
  #values(): Promise<NamedArrays> {
    return (this.setup.trainable.adapter ?? this.setup.trainable.store).read();
  }

  #setStatus(status: TrainerStatus): void {
    this.#status = status;
    this.emit({ type: 'status', status });
  }
}
