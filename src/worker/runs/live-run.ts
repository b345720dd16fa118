/** A run with its trainer on the GPU, which the page follows. */
import type { Adapter } from '../../adapters/adapter.ts';
import type { Device } from '../../engine/device.ts';
import type { RunEvent } from '../../runs/events.ts';
import { objectiveOf } from '../../objectives/registry.ts';
import { openRewards, type Rewards } from '../../scorers/rewards/reward.ts';
import { writeLearned } from '../../runs/learned.ts';
import { TrainingRun, type Rest } from '../../runs/run.ts';
import { MAX_SHARE, SaveClock, type SaveEvery } from '../../runs/save-clock.ts';
import { checkRoom, savedStateBytes } from '../../runs/room.ts';
import type { StoredRun } from '../../storage/records.ts';
import { changeRun } from '../../storage/runs.ts';
import { ifStorageWorks } from '../../storage/settings.ts';
import { asSaved } from '../../settings/table.ts';
import { measureSpace } from '../../storage/space.ts';
import { readState } from '../../train/state-files.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import type {
  AdapterOrigin,
  Failure,
  RunUpdate as PageEvent,
  FormSpec,
  RunPhase,
  RunStatus,
} from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { putOnDevice, samplesOf, type OnDevice } from './on-device.ts';
import { otherModel } from './other-model.ts';
import type { MeasuredHere } from '../device/speeds.ts';
import { pointOf, samplePoint } from './run-records.ts';
import { PageStore, type RunSeed } from './run-store.ts';
import { startSandboxWorker } from '../evaluation/sandbox.ts';
import type { Session } from '../session.ts';
import { tellTabs } from '../device/training-lock.ts';
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import { hasAdded } from '../../text/added-tokens.ts';

/** Time between two saves: a closed tab costs half a minute at most. */
const CHECKPOINTS: SaveEvery = {
  milliseconds: 30_000,
  mostShare: MAX_SHARE,
  soon: { steps: 50, milliseconds: 5_000 },
  atStart: true,
};

/** How often a curve without validation is read during a run; otherwise it is read with every validation. */
const READINGS = 20;

type Emit = (event: PageEvent) => void;

/**
 * The state of all weights takes gigabytes, so it must be known to fit, as far as the browser reports its quota. An adapter's is small: the run
 * pauses if there is no room for it.
 *
 * @throws GraftError `run-room`
 */
async function checkStorage(subject: OnDevice, { rows, checkpoint }: RunSeed): Promise<void> {
  if (subject.adapter) return;
  const { usage, quota } = await measureSpace();
  checkRoom({
    state: savedStateBytes(subject, rows),
    free: Math.max(0, quota - usage),
    saved: checkpoint ? 1 : 0,
    where: 'in the storage that this browser gives the page',
    remedy: (missing) =>
      `Free ${missing}: delete models and runs under Storage, or files of this computer, by which browsers measure what a page may keep. Or train an adapter, which takes far less.`,
  });
}

export class LiveRun {
  /** The first step of this visit, on this GPU. */
  readonly #firstOwn: number;
  readonly #answerSeconds: number[] = [];
  readonly #options: FormSpec;

  private constructor(
    private readonly seed: RunSeed,
    private readonly session: Session,
    readonly open: OpenModel,
    private readonly subject: OnDevice,
    private readonly store: PageStore,
    private readonly run: TrainingRun,
    private readonly rewards: Rewards | undefined,
    public emit: Emit,
  ) {
    this.#firstOwn = seed.run.steps.length;
    this.#options = asSaved(seed.run.settings as FormSpec);
  }

  /**
   * Compiles a run, and restores its checkpoint.
   *
   * @param goOn called while the adapter starts, and with each shader: what it throws ends that
   * @param pauseAfter it pauses after this step and its validation
   * @throws GraftError `train-…`, `lora-config`, `state-…`, `engine-…`
   */
  static async create(
    seed: RunSeed,
    session: Session,
    open: OpenModel,
    emit: Emit,
    goOn: () => void,
    pauseAfter?: number,
  ): Promise<LiveRun> {
    const { device } = open.model;
    const settings = seed.run.settings as FormSpec;
    const saved = seed.checkpoint && (await readState(memoryFiles(seed.checkpoint.files, 'The checkpoint')));
    if (saved && saved.fingerprint !== open.fingerprint) throw otherModel(seed.run, open);
    device.resetPeak();
    const rewards = await rewardsOf(settings);
    const subject = await putOnDevice(seed, session, open, {
      saved: saved?.state.values,
      report(progress) {
        emit({ type: 'phase', phase: { kind: 'starting', step: 0, ...progress } });
        goOn();
      },
    }).catch((error: unknown) => {
      rewards?.close();
      throw error;
    });
    let live: LiveRun | undefined;
    try {
      await checkStorage(subject, seed);
      const store = new PageStore(seed, open, subject.adapter, () => live?.weigh());
      const run = await TrainingRun.create({
        ...{ trainable: subject.trainable, options: subject.options, rows: seed.rows, store },
        ...{ state: saved?.state, pauseAfter },
        clock: new SaveClock(CHECKPOINTS, seed.checkpoint?.step),
        ...(settings.sampleEvery > 0 && {
          samples: samplesOf(settings, seed.run.asked, subject.generator, open),
        }),
        ...(rewards && { scoring: { tokenizer: open.tokenizer, rewards } }),
        ...(settings.forgetting &&
          (settings.forgettingEvery ?? 0) > 0 && {
            watch: { every: settings.forgettingEvery!, measure: () => live!.generalLoss() },
          }),
        fromUntrained: true,
        onEvent(event) {
          if (event.type === 'compile') {
            emit(event);
            goOn();
          } else live?.report(event);
        },
      });
      live = new LiveRun(seed, session, open, subject, store, run, rewards, emit);
      if (settings.forgetting && !saved) await live.weighGeneral('before');
      return live;
    } catch (error) {
      rewards?.close();
      await subject.free();
      throw error;
    }
  }

  /** The trained adapter, if it trains one. */
  get adapter(): Adapter | undefined {
    return this.subject.trainable.adapter;
  }

  get device(): Device {
    return this.open.model.device;
  }

  get record(): StoredRun {
    return this.store.record;
  }

  /** The speed of this visit, for the forecast of the next run. */
  get measured(): MeasuredHere {
    return {
      open: this.open,
      options: this.#options,
      rows: this.seed.rows,
      points: this.store.curve.steps.slice(this.#firstOwn),
      answerSeconds: this.#answerSeconds,
    };
  }

  get id(): string {
    return this.seed.run.id;
  }

  get projectId(): string {
    return this.seed.run.projectId;
  }

  /** How the run ended, at its last step or by request; undefined while it can be continued. */
  get end(): 'done' | 'stopped' | 'cancelled' | undefined {
    return this.run.end;
  }

  /** Steps done. */
  get step(): number {
    return this.run.step;
  }

  /** The current values of its adapter. */
  get origin(): AdapterOrigin {
    return { name: this.#options.name, runId: this.id, step: this.step };
  }

  /** Reports the status of the run to the page and to its record. */
  become(status: RunStatus, failure?: Failure): void {
    this.store.status = status;
    // Memory of questions and measurements meanwhile does not belong to the run.
    if (status === 'running') this.device.resetPeak();
    this.emit({ type: 'status', status, ...(failure && { failure }) });
    tellTabs();
  }

  pause(): void {
    this.run.pause();
  }

  stop(): void {
    this.run.stop();
  }

  cancel(): void {
    this.run.cancel();
  }

  /** Trains until the run has ended or was asked to pause. @throws GraftError `train-diverged`, `storage-…`, `engine-…` */
  train(): Promise<Rest> {
    return this.run.train();
  }

  isCurrent(): Promise<boolean> {
    return this.store.isCurrent();
  }

  isFinite(): Promise<boolean> {
    return this.run.isFinite();
  }

  /** Keeps the result, and ends the run with this status. @returns the id of its adapter @throws GraftError `storage-…` */
  async keep(status: 'done' | 'stopped' | 'failed', failure?: Failure): Promise<string | undefined> {
    await this.run.keep(status);
    if (this.store.forgetting && this.store.learned && status !== 'failed') await this.weighGeneral('after');
    if (status === 'failed') this.#read();
    this.become(status, failure);
    return this.store.keptId;
  }

  /** Ends the run without a result; its curve stays. @throws GraftError `storage-…` */
  async discard(status: 'cancelled' | 'failed', failure?: Failure): Promise<void> {
    await this.store.discard(status);
    if (status === 'failed') this.#read();
    this.become(status, failure);
  }

  /** Frees the trainer and the trained values. */
  async destroy(): Promise<void> {
    this.rewards?.close();
    const { device } = this;
    if (device.failure) return;
    try {
      await this.run.destroy();
      this.session.trim();
      await this.subject.free();
      await this.open.close?.();
    } catch (error) {
      // If the device is lost now, everything is freed with it.
      if (!device.failure) throw error;
    }
  }

  /** Measures forgetting: before the run, or with its result. */
  async weighGeneral(when: 'before' | 'after'): Promise<void> {
    const { model, adapter } = this.subject.trainable;
    const { learned, forgetting } = this.store;
    if (when === 'after' && learned) writeLearned(this.subject.trainable, learned);
    // Rarely needed code is loaded on demand.
    const { askedAbout, measureAfter, measureBefore } = await import('../evaluation/general-text.ts');
    const { train, validation } = this.seed.rows;
    // The base has no rows for new tokens.
    const added = adapter && addedTokens(adapter.modules);
    const own = askedAbout(validation.length > 0 ? validation : train).filter(
      ({ ids }) => !hasAdded(added, ids),
    );
    const tuned = { model, adapter };
    this.store.forgetting =
      when === 'before' || !forgetting
        ? await measureBefore(this.open, tuned, own, this.seed.start !== undefined)
        : await measureAfter(this.open, tuned, own, { forgetting });
    // Its memory does not belong to the run.
    this.device.resetPeak();
    if (when === 'after') await ifStorageWorks(changeRun(this.id, { forgetting: this.store.forgetting }));
  }

  /** The current loss on general text. */
  async generalLoss(): Promise<number> {
    const { model, adapter } = this.subject.trainable;
    const { generalLoss } = await import('../evaluation/general-text.ts');
    const { loss } = await generalLoss(this.open, model, adapter);
    this.device.resetPeak();
    return loss;
  }

  /** Reports the memory in use, if that is more than before. */
  weigh(): void {
    const { peakBytes } = this.device;
    if (peakBytes <= this.store.takenBytes) return;
    this.store.takenBytes = peakBytes;
    this.emit({ type: 'memory', taken: peakBytes });
  }

  /** An event of the run, in the words of the page. */
  report(event: RunEvent): void {
    if (event.type === 'step') {
      const point = pointOf(event);
      this.emit({ type: 'step', ...point });
      this.weigh();
      const { evalEvery, steps } = this.#options;
      if (evalEvery === 0 && point.step % Math.max(10, Math.ceil(steps / READINGS)) === 0) this.#read();
    } else if (event.type === 'validate') {
      const { type: _, secondsLeft, ...progress } = event;
      this.#phase({ kind: 'validating', ...progress }, secondsLeft);
    } else if (event.type === 'eval') {
      this.emit(event);
      this.#read();
    } else if (event.type === 'reference') {
      const { step, done, total } = event;
      this.#phase({ kind: 'reference', step, done, total });
    } else if (event.type === 'sampling') {
      const { step, done, total } = event;
      this.#phase({ kind: 'sampling', step, done, total });
    } else if (event.type === 'general') {
      const { step, loss } = event;
      this.emit({ type: 'general', step, loss });
    } else if (event.type === 'rollout') {
      this.emit(event);
    } else if (event.type === 'answer') {
      const { step, done, total } = event;
      this.#phase({ kind: 'answering', step, done, total });
    } else if (event.type === 'sample') {
      const { step, text, seconds } = event;
      this.#answerSeconds.push(seconds);
      const point = samplePoint({ step, text }, this.seed.run.wanted);
      this.emit({ type: 'sample', prompt: this.#options.samplePrompt, ...point });
    } else if (event.type === 'saving') {
      this.#phase({ kind: 'saving', step: event.step });
    } else if (event.type === 'saved') {
      this.emit({ type: 'checkpoint', id: this.id, step: event.step });
      tellTabs();
    }
  }

  #read(): void {
    this.emit({ type: 'reading', reading: this.store.reading });
  }

  #phase(phase: RunPhase, secondsLeft?: number): void {
    this.emit({ type: 'phase', phase, ...(secondsLeft !== undefined && { secondsLeft }) });
  }
}

/** Opens the rewards of a run that learns from them. @throws GraftError `reward`, `reward-code` */
async function rewardsOf({ objective, rewards }: FormSpec): Promise<Rewards | undefined> {
  return objectiveOf(objective).samples && rewards
    ? openRewards(rewards, { startSandbox: startSandboxWorker })
    : undefined;
}
