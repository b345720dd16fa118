/**
 * The training loop. A step is submitted while the one before still runs; its loss comes back through a ring of staging buffers.
 * Nothing in a step allocates, compiles or awaits the GPU's answer to itself.
 */
import { encodeStep, BROKEN_SLOT, LOSS_SLOT, NORM_SLOT, STATS_SIZE, STEP_SLOTS } from '../engine/ops/step.ts';
import type { Plan } from '../engine/plan.ts';
import type { StagingRing } from '../engine/staging.ts';
import { Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { countSupervised, sizeOfRows, writeBatch, type LabelledTokens } from '../model/batch.ts';
import type { Optimiser } from '../optimisers/optimiser.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { bucketFor, runBuckets } from './buckets.ts';
import { checkRows, checkState } from './checks.ts';
import type { StepEvent, TrainEvent, TrainerStatus } from './events.ts';
import { checkOptions, countSteps, type TrainOptions } from './options.ts';
import { microBatches, RowOrder, validationRows } from './order.ts';
import { learningRate } from './schedule.ts';
import type { NamedArrays, TrainerState } from './state.ts';
import { compileRun, type RunPlans, type Trainable } from './step-plans.ts';
import { secondsUntilDone, TimeLeft } from './time-left.ts';
import { runLosses } from './validation.ts';

export interface TrainerRequest {
  readonly trainable: Trainable;
  readonly options: TrainOptions;
  readonly rows: readonly LabelledTokens[];
  /** Of more than {@link MOST_VALIDATION_ROWS}, as many are measured. */
  readonly validation?: readonly LabelledTokens[];
  /** Go on from here instead of starting at step 0. */
  readonly state?: TrainerState;
  /** How often the caller stops it to answer a prompt: for the estimate of the time left. */
  readonly sampleEvery?: number;
  readonly onEvent?: (event: TrainEvent) => void;
}

interface Submitted {
  step: number;
  lr: number;
  tokens: number;
  supervised: number;
  stats: Promise<Float32Array>;
}

export class Trainer {
  readonly steps: number;
  /** What it has timed: the caller adds what happens between its steps. */
  readonly timeLeft: TimeLeft;
  readonly #optimiser: Optimiser;
  #step = 0;
  /** Where this trainer began: 0, or where a saved run had come to. */
  #firstStep = 0;
  #status: TrainerStatus = 'ready';
  #request: 'pause' | 'stop' | 'cancel' | undefined;
  /** Whoever asked does not want to wait for the end of a validation. */
  #hurried = false;
  #bestEvalLoss: number | undefined;
  #evaluationsSinceBest = 0;
  #best: NamedArrays | undefined;
  #evaluationDue = false;

  private constructor(
    private readonly trainable: Trainable,
    private readonly options: TrainOptions,
    private readonly rows: readonly LabelledTokens[],
    private readonly validation: readonly LabelledTokens[],
    private readonly plans: RunPlans,
    private readonly ring: StagingRing,
    private readonly emit: (event: TrainEvent) => void,
    sampleEvery: number,
  ) {
    this.steps = countSteps(options, rows.length);
    this.#optimiser = optimiserOf(options.optimiser);
    const evalEvery = validation.length > 0 ? options.evalEvery : 0;
    this.timeLeft = new TimeLeft({ steps: this.steps, evalEvery, sampleEvery });
  }

  /**
   * Compiles everything that the run will need.
   *
   * @throws GraftError `train-option`, `train-rows`, `train-resume`, `engine-…`
   */
  static async create({
    trainable,
    options,
    rows,
    validation: heldOut = [],
    state,
    sampleEvery = 0,
    onEvent = () => undefined,
  }: TrainerRequest): Promise<Trainer> {
    checkOptions(options);
    if (rows.length === 0) {
      throw new GraftError(
        'train-rows',
        'There are no rows to train on.',
        'Import examples with at least one supervised token.',
      );
    }
    const validation = validationRows(heldOut);
    checkRows(trainable, rows, 'Row');
    checkRows(trainable, validation, 'Validation row');
    const { model } = trainable;
    const steps = countSteps(options, rows.length);
    if (options.warmup > steps) {
      throw new GraftError(
        'train-option',
        `Warm-up takes ${options.warmup} steps, and the run has ${steps}.`,
        'Choose a shorter warm-up or more steps.',
      );
    }
    if (state) checkState(trainable, options, steps, state);
    const optimiser = optimiserOf(options.optimiser);
    const plans = await compileRun(
      trainable,
      runBuckets(options, rows, validation),
      { dropout: options.lora.dropout, checkpointing: options.checkpointing, optimiser },
      (done, total) => onEvent({ type: 'compile', done, total }),
    );
    const ring = model.device.createStaging(STATS_SIZE * 4, 'steps');
    const trainer = new Trainer(trainable, options, rows, validation, plans, ring, onEvent, sampleEvery);
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

  /** Whether the validation that belongs to this step was interrupted: it comes before the next step. */
  get evaluationDue(): boolean {
    return this.#evaluationDue;
  }

  get bestEvalLoss(): number | undefined {
    return this.#bestEvalLoss;
  }

  /** Bytes of the slots that the plans share, and the least that any assignment of slots needs. For reports. */
  get memory(): { peakBytes: number; minimumBytes: number } {
    const largest = this.plans.gradients[this.plans.gradients.length - 1].plan.size;
    return { peakBytes: largest.peakBytes, minimumBytes: largest.minimumBytes };
  }

  /** The plans of a step with one micro-batch, in the order in which they run: for measurements. */
  get stepPlans(): readonly Plan[] {
    return [this.plans.gradients[this.plans.gradients.length - 1].plan, this.plans.update];
  }

  /**
   * Trains until the run is done, paused, stopped or cancelled, and says which. A paused trainer can be sampled from, and run again.
   *
   * @param steps at most so many, then pause; a validation that was interrupted comes before them
   * @throws GraftError `train-diverged` where the loss is not finite (what was learned before is kept), `engine-…`
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
      this.#setStatus('failed');
      throw error;
    }
    return this.#status;
  }

  /**
   * Asks a running trainer to pause after the steps already submitted.
   *
   * @param afterValidation one that is under way, or belongs to the last step, is finished first; otherwise it is given up, and made when
   * the run goes on
   */
  pause({ afterValidation = false } = {}): void {
    this.#request ??= 'pause';
    if (!afterValidation) this.#hurried = true;
  }

  /** Asks to end here and keep what was learned. */
  stop(): void {
    this.#end('stop');
  }

  /** Asks to end here; the caller discards what was learned. */
  cancel(): void {
    this.#end('cancel');
  }

  /**
   * Mean loss over the validation rows. Events say how far it is.
   *
   * @param isInterrupted asked now and then: true gives it up
   * @returns undefined if there are no such rows, or it was given up
   */
  async evaluate(isInterrupted = (): boolean => false): Promise<number | undefined> {
    if (this.validation.length === 0) return undefined;
    const { device } = this.trainable.model;
    const began = performance.now();
    const elapsed = (): number => (performance.now() - began) / 1000;
    this.#clearStats();
    const supervised = await runLosses(device, this.plans.losses, this.validation, this.options, {
      isInterrupted,
      onProgress: (done, total) => this.#tellValidation(done, total, elapsed()),
    });
    if (supervised === undefined) return undefined;
    const stats = new Float32Array(await device.read(this.plans.shared.stats));
    this.timeLeft.took('validation', elapsed());
    return stats[LOSS_SLOT] / supervised;
  }

  /** Everything needed to go on later. Call while the trainer is not running. */
  async state(): Promise<TrainerState> {
    const { adapter, store } = this.trainable;
    const source = adapter ?? store;
    const optimiser = new Map<string, NamedArrays>();
    for (const plane of this.#optimiser.kernel.planes) optimiser.set(plane, await source.read(plane));
    return {
      counters: {
        step: this.#step,
        steps: this.steps,
        seed: this.options.seed,
        bestEvalLoss: this.#bestEvalLoss,
        evaluationsSinceBest: this.#evaluationsSinceBest,
        ...(this.#evaluationDue && { evaluationDue: true }),
      },
      values: await source.read(),
      optimiser,
      best: this.#best,
    };
  }

  /** The trained tensors: those of the best evaluation if there was one, otherwise the last. */
  async result(): Promise<NamedArrays> {
    return this.#best ?? (this.trainable.adapter ?? this.trainable.store).read();
  }

  /** Frees plans and small buffers; the adapter and the model stay. */
  async destroy(): Promise<void> {
    const { device } = this.trainable.model;
    if (!device.failure) await device.settle();
    this.plans.destroy();
    this.ring.destroy();
  }

  async #loop(last: number): Promise<TrainerStatus> {
    const order = new RowOrder(this.rows.length, this.options);
    if (this.#evaluationDue) await this.#judge();
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
      const next = this.#submit(submitted++, order);
      await finish();
      waiting = next;
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

  /** Every so many steps, and at the end of the run: the last values have their chance to be the best. */
  #evaluatesAfter(step: number): boolean {
    const { evalEvery } = this.options;
    return evalEvery > 0 && this.validation.length > 0 && (step % evalEvery === 0 || step === this.steps);
  }

  #submit(step: number, order: RowOrder): Submitted {
    const { options, trainable } = this;
    const { shared } = this.plans;
    const { device } = trainable.model;
    const rows = order.rowsOf(step).map((row) => this.rows[row]);
    const supervised = rows.reduce((sum, row) => sum + countSupervised(row), 0);
    const lr = learningRate(step, { ...options, steps: this.steps });
    const { weightDecay, clip } = options;
    device.write(
      shared.hyper,
      encodeStep({ clip, tokens: supervised, lr, weightDecay }, this.#optimiser.encode(step + 1, options)),
    );
    microBatches(rows, options).forEach((group, index) => {
      const { plan, inputs } = bucketFor(this.plans.gradients, group);
      writeBatch(plan, inputs, group);
      // Dropout has another seed in every micro-batch, and the same one when a step is replayed.
      device.write(
        shared.seed,
        Uint32Array.of(Math.imul(options.seed + 1, 0x9e3779b1) + step * 4096 + index),
      );
      plan.run(index > 0 ? {} : { clear: [...trainable.store.gradients, ofStep(shared.stats)] });
    });
    const slot = this.ring.next();
    this.plans.update.run({ stage: { tensor: shared.stats, slot } });
    const stats = slot.read();
    // Where the step before it ends the run, nobody waits for this one: its failure was reported already.
    stats.catch(() => undefined);
    return { step, lr, supervised, tokens: sizeOfRows(rows).tokens, stats };
  }

  async #report({ step, lr, supervised, tokens, stats }: Submitted, since: number): Promise<number> {
    const values = await stats;
    const { device } = this.trainable.model;
    if (values[BROKEN_SLOT] !== 0) {
      // The values of this step are what made it break; those of the step before gave a finite loss.
      if (step > this.#firstStep) {
        this.trainable.store.undoUpdate();
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
      loss: values[LOSS_SLOT] / supervised,
      lr,
      gradNorm: values[NORM_SLOT],
      supervisedTokens: supervised,
      tokens,
      seconds,
      tokensPerSecond: tokens / seconds,
      secondsLeft: this.timeLeft.after(this.#step) ?? 0,
      gpuBytes: device.allocatedBytes,
    };
    this.emit(event);
    return now;
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

  /** Makes the validation that is due, and keeps the best values. Without patience left, the run is to stop. */
  async #judge(): Promise<void> {
    const loss = await this.evaluate(() => this.#hurried);
    if (loss === undefined) return;
    this.#evaluationDue = false;
    const best = Number.isFinite(loss) && (this.#bestEvalLoss === undefined || loss < this.#bestEvalLoss);
    if (best) {
      this.#bestEvalLoss = loss;
      this.#evaluationsSinceBest = 0;
      this.#best = await (this.trainable.adapter ?? this.trainable.store).read();
    } else {
      this.#evaluationsSinceBest++;
    }
    this.emit({ type: 'eval', step: this.#step, loss, best });
    const { patience } = this.options;
    if (patience > 0 && this.#evaluationsSinceBest >= patience)
      this.#request = this.#request === 'cancel' ? 'cancel' : 'stop';
  }

  #restore({ counters, values, optimiser, best }: TrainerState): void {
    const { adapter, store } = this.trainable;
    for (const [plane, arrays] of [[undefined, values] as const, ...optimiser]) {
      if (adapter) adapter.write(arrays, plane);
      else for (const [name, array] of arrays) store.write(name, array, plane);
    }
    this.#step = counters.step;
    this.#firstStep = counters.step;
    this.#bestEvalLoss = counters.bestEvalLoss;
    this.#evaluationsSinceBest = counters.evaluationsSinceBest;
    this.#best = best;
    this.#evaluationDue = counters.evaluationDue ?? false;
    if (this.#step >= this.steps && !this.#evaluationDue) this.#status = 'done';
  }

  #clearStats(): void {
    const { device } = this.trainable.model;
    device.write(this.plans.shared.stats, new Float32Array(STEP_SLOTS));
  }

  #end(request: 'stop' | 'cancel'): void {
    this.#request = request;
    this.#hurried = true;
    if (this.#status === 'ready' || this.#status === 'paused')
      this.#setStatus(request === 'stop' ? 'stopped' : 'cancelled');
  }

  #setStatus(status: TrainerStatus): void {
    this.#status = status;
    this.emit({ type: 'status', status });
  }
}

/** The statistics that are of one step: cleared before it. */
function ofStep({ storage, dtype }: Tensor): Tensor {
  return new Tensor(storage, [STEP_SLOTS], dtype);
}
