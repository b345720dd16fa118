/** A run with its trainer on the GPU: its record, its checkpoints, its samples, its end. */
import { GraftError } from '../errors.ts';
import { answer, promptOf } from '../evaluate/answer.ts';
import { Adapter, initialTensors, loraModules } from '../model/lora.ts';
import { greedy } from '../model/sampling.ts';
import type {
  StoredAdapter,
  StoredCheckpoint,
  StoredFiles,
  StoredRows,
  StoredRun,
} from '../storage/records.ts';
import { checkpointRevision, saveCheckpoint, saveEndedRun } from '../storage/runs.ts';
import type { TrainEvent } from '../train/events.ts';
import type { Reading } from '../train/reading.ts';
import { readState, writeState } from '../train/state-files.ts';
import { Trainer } from '../train/trainer.ts';
import { memoryFiles } from '../weights/bytes.ts';
import type { AdapterOrigin, Failure, RunEvent, RunOptions, RunPhase, RunStatus, StepPoint } from './api.ts';
import { keptAdapter } from './kept-adapter.ts';
import type { OpenModel } from './model.ts';
import { SAMPLE_TOKENS, trainOptions } from './run-options.ts';
import { otherModel } from './other-model.ts';
import type { MeasuredRun } from './run-forecast.ts';
import { pointOf, readingOf, samplePoint } from './run-records.ts';
import type { Session } from './session.ts';
import { tellTabs } from './training-lock.ts';

/** A checkpoint is due after so many seconds, or after so many steps if they took a few seconds; the first steps are saved after these. */
const CHECKPOINT = { seconds: 30, steps: 50, leastSeconds: 5 };

/** A curve without validation is read so many times on its way; otherwise with every validation. */
const READINGS = 20;

/** What a run begins with, new or from storage. */
export interface RunSeed {
  readonly run: StoredRun;
  readonly rows: StoredRows;
  readonly checkpoint?: StoredCheckpoint;
}

export class LiveRun {
  #status: RunStatus;
  readonly #run: StoredRun;
  /** Grow with the run. */
  readonly #steps: StepPoint[];
  readonly #evals: { step: number; loss: number }[];
  readonly #samples: { step: number; text: string }[];
  /** Where the steps begin that were made in this visit, on this GPU. */
  readonly #firstOwn: number;
  readonly #answerSeconds: number[] = [];
  readonly #rows: StoredRows;
  readonly #options: RunOptions;
  /** Of the last checkpoint. */
  #revision: string | undefined;
  #saved: { step: number; time: number } | undefined;
  /** The most bytes that were on the GPU while it was trained here. */
  #taken = 0;
  /** It was asked to pause or to end. */
  #hurried = false;
  /** Its loss was not finite: that ends it. */
  #broke = false;
  emit: (event: RunEvent) => void;

  private constructor(
    { run, rows, checkpoint }: RunSeed,
    private readonly session: Session,
    private readonly open: OpenModel,
    readonly adapter: Adapter,
    private readonly trainer: Trainer,
    emit: (event: RunEvent) => void,
  ) {
    this.#run = run;
    this.#status = 'running';
    this.#steps = [...run.steps];
    this.#firstOwn = run.steps.length;
    this.#evals = [...run.evals];
    this.#samples = [...run.samples];
    this.#rows = rows;
    this.#options = run.settings as RunOptions;
    this.#revision = checkpoint?.revision;
    if (checkpoint) this.#saved = { step: checkpoint.step, time: performance.now() };
    this.emit = emit;
  }

  /**
   * Compiles a run, and puts it where its checkpoint was.
   *
   * @param goOn called with each shader: what it throws ends the compiling
   * @throws GraftError `train-…`, `lora-config`, `state-…`, `engine-…`
   */
  static async create(
    seed: RunSeed,
    session: Session,
    open: OpenModel,
    emit: (event: RunEvent) => void,
    goOn: () => void,
  ): Promise<LiveRun> {
    const { model } = open;
    const settings = seed.run.settings as RunOptions;
    const options = trainOptions(settings);
    const saved = seed.checkpoint && (await readState(memoryFiles(seed.checkpoint.files, 'The checkpoint')));
    if (saved && saved.fingerprint !== open.fingerprint) throw otherModel(seed.run, open);
    const modules = loraModules(model.definition, options.lora);
    model.device.resetPeak();
    const adapter = new Adapter(model.device, modules, initialTensors(modules, options.seed), {
      trainable: true,
      rateRatio: options.rateRatio,
    });
    let run: LiveRun | undefined;
    try {
      const trainer = await Trainer.create({
        trainable: { model, adapter, store: adapter.store },
        options,
        rows: seed.rows.train,
        validation: seed.rows.validation,
        state: saved?.state,
        sampleEvery: settings.sampleEvery,
        onEvent(event) {
          if (event.type === 'compile') {
            emit(event);
            goOn();
          } else if (run) run.#hear(event);
        },
      });
      run = new LiveRun(seed, session, open, adapter, trainer, emit);
      return run;
    } catch (error) {
      await session.free(adapter);
      throw error;
    }
  }

  get record(): StoredRun {
    return {
      ...this.#run,
      status: this.#status,
      steps: this.#steps,
      evals: this.#evals,
      samples: this.#samples,
      reading: this.#reading,
      ...(this.#taken > 0 && { takenBytes: this.#taken }),
    };
  }

  /** What the curve says so far. */
  get #reading(): Reading {
    return readingOf({ settings: this.#options, steps: this.#steps, evals: this.#evals }, this.#broke);
  }

  /** What this visit measured: the forecast of the next run is made from it. */
  get measured(): MeasuredRun {
    return {
      open: this.open,
      options: this.#options,
      rows: this.#rows,
      points: this.#steps.slice(this.#firstOwn),
      answerSeconds: this.#answerSeconds,
    };
  }

  get id(): string {
    return this.#run.id;
  }

  get projectId(): string {
    return this.#run.projectId;
  }

  /** How the run ended, by itself or because it was asked to; undefined while it can go on. */
  get end(): 'done' | 'stopped' | 'cancelled' | undefined {
    const { status } = this.trainer;
    return status === 'done' || status === 'stopped' || status === 'cancelled' ? status : undefined;
  }

  /** Whether there is a checkpoint. */
  get saved(): boolean {
    return this.#saved !== undefined;
  }

  /** Says to the page and to the record where the run stands. */
  become(status: RunStatus, failure?: Failure): void {
    this.#status = status;
    if (status === 'running') {
      this.#hurried = false;
      // What was asked and measured meanwhile is not the run's.
      this.adapter.device.resetPeak();
    }
    this.emit({ type: 'status', status, ...(failure && { failure }) });
    tellTabs();
  }

  /** These three end a validation that is under way. Paused, it is made when the run goes on. */
  pause(): void {
    this.#hurried = true;
    this.trainer.pause();
  }

  stop(): void {
    this.#hurried = true;
    this.trainer.stop();
  }

  cancel(): void {
    this.#hurried = true;
    this.trainer.cancel();
  }

  /** What the base model answers and how well it predicts, before the first step: where the curve comes from. */
  async begin(): Promise<void> {
    if (this.trainer.step > 0) return;
    const { sampleEvery, evalEvery } = this.#options;
    if (sampleEvery > 0 && this.#samples.length === 0) await this.#sample();
    if (evalEvery > 0 && this.#evals.length === 0) {
      const loss = await this.trainer.evaluate(() => this.#hurried);
      if (loss !== undefined) this.#hear({ type: 'eval', step: 0, loss, best: false });
    }
  }

  /** Trains until a sample or a checkpoint is due, or what was asked for has happened; makes the sample, writes the checkpoint. */
  async advance(): Promise<void> {
    const { sampleEvery } = this.#options;
    const { trainer } = this;
    const steps = sampleEvery > 0 ? sampleEvery - (trainer.step % sampleEvery) : undefined;
    // The sample of this step comes after the validation that was interrupted.
    const status = await trainer.run(trainer.evaluationDue ? 0 : steps);
    const due = sampleEvery > 0 && trainer.step % sampleEvery === 0 && !trainer.evaluationDue;
    if (due && (status === 'paused' || status === 'done')) await this.#sample();
    if (status === 'paused' && this.#checkpointDue) await this.save('running');
  }

  /** Writes a checkpoint, the record as it stands now, and the first time the rows. @throws GraftError `storage-…` */
  async save(status: 'running' | 'paused'): Promise<void> {
    this.#tell({ kind: 'saving', step: this.trainer.step });
    const state = await this.trainer.state();
    this.#weigh();
    const revision = crypto.randomUUID();
    const { step } = state.counters;
    await saveCheckpoint(
      { ...this.record, status },
      { revision, step, files: writeState({ state, fingerprint: this.open.fingerprint }) },
      this.#revision === undefined ? this.#rows : undefined,
    );
    this.#revision = revision;
    this.#saved = { step, time: performance.now() };
    this.emit({ type: 'checkpoint', step });
    tellTabs();
  }

  /** Whether the checkpoint is still the one that was written here, and not that of another tab that went on. */
  async isCurrent(): Promise<boolean> {
    return (await checkpointRevision(this.id)) === this.#revision;
  }

  /** Keeps what was learned in the library, and ends the run with this status; `failed` is a loss that was not finite. @throws GraftError `storage-…` */
  async keep(status: 'done' | 'stopped' | 'failed', failure?: Failure): Promise<StoredAdapter> {
    this.#broke = status === 'failed';
    const { adapter, files } = await this.#result();
    this.#weigh();
    await saveEndedRun({ ...this.record, status }, { adapter, files });
    this.become(status, failure);
    return adapter;
  }

  /** Whether what was learned is made of numbers. */
  async isFinite(): Promise<boolean> {
    const tensors = await this.trainer.result();
    return [...tensors.values()].every((values) => values.every((value) => Number.isFinite(value)));
  }

  /** Ends the run without an adapter; its curve stays. `failed` is a loss that was not finite. @throws GraftError `storage-…` */
  async discard(status: 'cancelled' | 'failed', failure?: Failure): Promise<void> {
    this.#broke = status === 'failed';
    await saveEndedRun({ ...this.record, status });
    this.become(status, failure);
  }

  /** Steps done. */
  get step(): number {
    return this.trainer.step;
  }

  /** What its adapter is just now. */
  get origin(): AdapterOrigin {
    return { name: this.#options.name, runId: this.id, step: this.step };
  }

  /** Frees the trainer and the adapter that it trained. */
  async destroy(): Promise<void> {
    const { device } = this.adapter;
    if (device.failure) return;
    try {
      await this.trainer.destroy();
      this.session.trim();
      await this.session.free(this.adapter);
    } catch (error) {
      // A device that is lost just now takes everything with it.
      if (!device.failure) throw error;
    }
  }

  #hear(event: TrainEvent): void {
    if (event.type === 'step') {
      const point = pointOf(event);
      this.#steps.push(point);
      this.emit({ type: 'step', ...point });
      this.#weigh();
      const { evalEvery, steps } = this.#options;
      if (evalEvery === 0 && point.step % Math.max(10, Math.ceil(steps / READINGS)) === 0)
        this.emit({ type: 'reading', reading: this.#reading });
      if (this.#checkpointDue) this.trainer.pause({ afterValidation: true });
    } else if (event.type === 'validate') {
      const { type: _, secondsLeft, ...progress } = event;
      this.#tell({ kind: 'validating', ...progress }, secondsLeft);
    } else if (event.type === 'eval') {
      const { step, loss, best } = event;
      this.#evals.push({ step, loss });
      this.emit({ type: 'eval', step, loss, best });
      this.emit({ type: 'reading', reading: this.#reading });
    }
    // The trainer's own status changes with every slice; the run's is told by `become`.
  }

  /** Tells the memory that is taken, where that is more than before. */
  #weigh(): void {
    const { peakBytes } = this.adapter.device;
    if (peakBytes <= this.#taken) return;
    this.#taken = peakBytes;
    this.emit({ type: 'memory', taken: peakBytes });
  }

  #tell(phase: RunPhase, secondsLeft?: number): void {
    this.emit({ type: 'phase', phase, ...(secondsLeft !== undefined && { secondsLeft }) });
  }

  get #checkpointDue(): boolean {
    if (!this.#saved) return false;
    const seconds = (performance.now() - this.#saved.time) / 1000;
    const steps = this.trainer.step - this.#saved.step;
    return (
      steps > 0 &&
      (seconds >= CHECKPOINT.seconds ||
        ((steps >= CHECKPOINT.steps || this.#saved.step === 0) && seconds >= CHECKPOINT.leastSeconds))
    );
  }

  async #sample(): Promise<void> {
    const { samplePrompt: prompt } = this.#options;
    const { tokenizer } = this.open;
    const { step } = this.trainer;
    const began = performance.now();
    let done = 0;
    const tell = (): void => this.#tell({ kind: 'answering', step, done, total: SAMPLE_TOKENS });
    tell();
    const generator = this.session.chatGenerator(this.open);
    try {
      const [{ text }] = await answer(generator, tokenizer, [promptOf(tokenizer, prompt)], {
        maxNewTokens: SAMPLE_TOKENS,
        sampling: greedy,
        seed: 0,
        adapter: this.adapter,
        onToken() {
          done++;
          tell();
        },
      });
      const seconds = (performance.now() - began) / 1000;
      this.trainer.timeLeft.took('sample', seconds);
      this.#answerSeconds.push(seconds);
      this.#samples.push({ step, text });
      this.emit({ type: 'sample', prompt, ...samplePoint({ step, text }, this.#run.wanted) });
    } catch (error) {
      // No number to choose by: the next step finds its loss not finite, and says so.
      if (!(error instanceof GraftError && error.code === 'sampling-not-finite')) throw error;
    }
  }

  async #result(): Promise<{ adapter: StoredAdapter; files: StoredFiles }> {
    const { step, bestEvalLoss } = this.trainer;
    const tensors = new Map(await this.trainer.result());
    return keptAdapter(
      { run: this.record, tensors, step, rows: this.#rows.train.length, bestEvalLoss },
      this.open,
    );
  }
}
