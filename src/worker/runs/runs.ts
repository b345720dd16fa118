/** Runs: at most one is on the GPU, training or paused; the others are in storage. */
import { ifStorageWorks } from '../../storage/settings.ts';
import { GraftError } from '../../errors.ts';
import type { StoredRun } from '../../storage/records.ts';
import { changeRun, deleteRun, readResumableRun } from '../../storage/runs.ts';
import type { Objective } from '../../objectives/objective.ts';
import { objectiveOf } from '../../objectives/registry.ts';
import { isScoringFailure } from '../../train/policy/scoring.ts';
import type { WeightChoices, ModelRef, FormSpec, RunRecord, RunSummary } from '../api.ts';
import { restoredData, type DataSet } from '../data/data.ts';
import { DeviceTurn, Withdrawn, type Emit } from '../device/device-turn.ts';
import { LiveRun } from './live-run.ts';
import type { OpenModel } from '../models/model.ts';
import { modelWith, rowsOfBase, rowsWithNewTokens, withNewTokens } from './new-tokens.ts';
import { otherModel } from './other-model.ts';
import { failureOf, outcome } from '../outcome.ts';
import type { Projects } from '../projects/projects.ts';
import type { Queue } from '../queue.ts';
import { checkRun } from '../../runs/check-run.ts';
import { tokensOfKept } from '../../runs/new-tokens.ts';
import { startingFrom } from './starting-from.ts';
import { listOfRuns, readOfRun } from './run-list.ts';
import { discardSaved, keepSaved } from './ended-runs.ts';
import { newRun } from './new-run.ts';
import type { RunSeed } from './run-store.ts';
import { runRecord, weightsOf } from './run-records.ts';
import { largeDataOf, sameRows } from './rows-of-run.ts';
import type { Session } from '../session.ts';
import { Slices } from '../slices.ts';
import { otherTab, tellTabs, withTabs } from '../device/training-lock.ts';

/** A run of a sweep. */
export interface Swept {
  readonly id: string;
  readonly sweep: string;
  /** It pauses after this step and its validation. */
  readonly pauseAfter?: number | undefined;
  /** What it is trained on in place of the open rows; a run that is resumed has its own. */
  readonly rows?: DataSet | undefined;
}

/** A run of its own: on an encoder, and rows for it. */
export interface OwnRun {
  readonly options: FormSpec;
  readonly open: OpenModel;
  readonly data: DataSet;
}

/** Whether what a run trains writes answers: an encoder does not. */
const writes = ({ settings }: Pick<StoredRun, 'settings'>): boolean =>
  !(objectiveOf((settings as FormSpec).objective) as Objective).encodes;

export class Runs {
  #live: LiveRun | undefined;
  readonly #turn: DeviceTurn;

  constructor(
    private readonly session: Session,
    queue: Queue,
    private readonly projects: Projects,
    private readonly openRef: (model: ModelRef, baseWeights: WeightChoices) => Promise<OpenModel>,
    private readonly openEncoder: (name: string) => Promise<OpenModel>,
  ) {
    this.#turn = new DeviceTurn(session, queue);
    session.whenLost(() => {
      this.#live = undefined;
    });
  }

  /** Work that needs the GPU, when its turn comes. @throws GraftError `worker-training` while a run has it and was not asked to pause */
  withDevice<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn.withDevice(work);
  }

  /** Whether a run is trained, or about to be. */
  get busy(): boolean {
    return this.#turn.busy;
  }

  /** @throws GraftError `run-cancelled`, `worker-…`, `train-…`, `lora-config`, `storage-…`, `engine-…` */
  start(asked: FormSpec, emit: Emit, swept?: Swept): Promise<RunRecord> {
    const begun = this.#turn.begin('cancel', emit, async (signal) => {
      const plain = await this.session.model();
      const rows = swept?.rows ?? this.session.data;
      if (!rows) throw new GraftError('worker-no-data', 'No data is open.', 'Open examples first.');
      const { options: own, start } = await startingFrom(asked, plain);
      const given = { options: own, open: plain, data: rows };
      const { options, open, data } = await withNewTokens(given, start);
      checkRun(options, data, open);
      await this.release();
      const { run, ...made } = newRun(options, data, open);
      const projectId = await this.projects.ensureForRun(run.dataName);
      const named = swept && { id: swept.id, sweep: swept.sweep };
      return this.#create(
        { run: { ...run, ...named, projectId }, ...made, start },
        open,
        emit,
        signal,
        swept,
      );
    });
    return begun.catch((error: unknown) => {
      throw error instanceof Withdrawn ? cancelled() : error;
    });
  }

  /**
   * A run on an encoder, next to the open model and the open rows.
   *
   * @param prepare opens it and makes its rows, once the device is free
   * @throws as {@link start}, and what `prepare` throws
   */
  startOwn(
    prepare: (signal: AbortSignal) => Promise<OwnRun>,
    projectId: string,
    emit: Emit,
  ): Promise<RunRecord> {
    const begun = this.#turn.begin('cancel', emit, async (signal) => {
      await this.release();
      const { options, open, data } = await prepare(signal);
      return this.#closing(open, () => {
        checkRun(options, data, open);
        const { run, ...made } = newRun(options, data, open);
        return this.#create({ run: { ...run, projectId }, ...made }, open, emit, signal);
      });
    });
    return begun.catch((error: unknown) => {
      throw error instanceof Withdrawn ? cancelled() : error;
    });
  }

  /** @throws GraftError `run-not-resumable`, `run-other-model`, and as `start` */
  resume(id: string, emit: Emit, swept?: Swept): Promise<RunRecord> {
    const begun = this.#turn.begin('pause', emit, async (signal) => {
      const live = this.#live;
      const isHere = live?.id === id && live.device.failure === undefined;
      // A run of a sweep pauses elsewhere now than it was compiled for.
      if (isHere && !swept && (await live.isCurrent())) {
        live.emit = withTabs(id, emit);
        live.become('running');
        return this.#drive(live);
      }
      await this.release();
      const saved = await readResumableRun(id);
      if (!saved) throw notResumable('It has ended, or was deleted: start a new one with its settings.');
      const open = await this.#modelOf(saved.run);
      if (!writes(saved.run))
        return this.#closing(open, () =>
          this.#create({ ...saved, isLarge: false }, open, emit, signal, swept),
        );
      const added = tokensOfKept(saved.run.settings as FormSpec, open.tokenizer);
      const own = await modelWith(open, added);
      const { large } = saved.rows;
      if (large) {
        const data = await this.#largeData(saved.run, open, signal, swept);
        const grown = added ? await rowsWithNewTokens(data, own, added) : data;
        const rows = sameRows(grown, saved.run, large);
        return this.#create({ ...saved, rows, isLarge: true }, own, emit, signal, swept);
      }
      if (this.session.data?.modelContent !== open.content) {
        const rows = rowsOfBase(saved.rows, added, open.tokenizer);
        this.session.data = restoredData(saved.run, open.content, rows);
      }
      return this.#create({ ...saved, isLarge: false }, own, emit, signal, swept);
    });
    return begun.catch(async (error: unknown) => {
      if (!(error instanceof Withdrawn)) throw error;
      const record = await this.read(id);
      // Its checkpoint is unchanged.
      emit({ type: 'status', status: record.status });
      return record;
    });
  }

  /** The rows of a run that are not stored with it. They become the open ones if those were cut for another model. */
  async #largeData(
    run: StoredRun,
    open: OpenModel,
    signal: AbortSignal,
    swept: Swept | undefined,
  ): Promise<DataSet> {
    if (swept?.rows) return swept.rows;
    const slices = new Slices(() => undefined, signal);
    const data = await largeDataOf(run, open, this.session.data, slices);
    if (this.session.data?.modelContent !== open.content) this.session.data = data;
    return data;
  }

  /** Takes effect after the steps that are on the GPU already. */
  pause(): void {
    if (!this.#turn.busy) return;
    this.#turn.ask('pause');
    this.#live?.pause();
  }

  /** Ends the run, trained or paused, and keeps its adapter. */
  stop(): Promise<void> {
    return this.#end('stop');
  }

  /** Ends the run, trained or paused, and keeps only its curve. */
  cancel(): Promise<void> {
    return this.#end('cancel');
  }

  /**
   * Ends a run that is not training, on the GPU or in storage: `stop` keeps its checkpoint as an adapter, `cancel` keeps only its
   * curve.
   *
   * @throws GraftError `run-not-resumable`, `run-other-model`, `worker-training`, `worker-other-tab`, `storage-…`
   */
  async endSaved(id: string, how: 'stop' | 'cancel'): Promise<RunRecord> {
    const run = await this.#turn.train(async () => {
      const live = this.#live;
      if (live?.id === id && live.device.failure === undefined && (await live.isCurrent())) {
        if (how === 'stop') live.stop();
        else live.cancel();
        await this.#finish(live, how === 'stop' ? 'stopped' : 'cancelled');
        return runRecord(live.record, false);
      }
      const saved = await readResumableRun(id);
      if (!saved)
        throw notResumable('There is nothing left of it to keep: start a new one with its settings.');
      // Before the first step there is nothing to keep.
      if (how === 'cancel' || saved.checkpoint.step === 0) return runRecord(await discardSaved(saved), false);
      const open = await this.#modelOf(saved.run);
      try {
        const kept = await keepSaved(saved, open);
        this.#show(kept.run, kept.adapterId);
        return runRecord(kept.run, false);
      } finally {
        await open.close?.();
      }
    });
    tellTabs();
    return run;
  }

  /** The newest first, without their curves. */
  list(): Promise<RunSummary[]> {
    return listOfRuns(this.#live, this.busy);
  }

  /** A run with its curve. @throws GraftError `run-missing` */
  read(id: string): Promise<RunRecord> {
    return readOfRun(id, this.#live, this.busy);
  }

  /** @throws GraftError `worker-training`, `worker-other-tab` for a run that is training */
  async delete(id: string): Promise<void> {
    if (this.#live?.id === id) await this.withDevice(() => this.release());
    else if ((await this.list()).some((run) => run.id === id && run.status === 'running')) throw otherTab();
    await deleteRun(id);
    tellTabs();
  }

  /** Releases a project that is about to be deleted. @throws GraftError `worker-training`, `worker-other-tab` while a run of it trains */
  async leaveProject(projectId: string): Promise<void> {
    const training = (await this.list()).find(
      (run) => run.projectId === projectId && run.status === 'running',
    );
    if (training && training.id !== this.#live?.id) throw otherTab();
    if (this.#live?.projectId === projectId) await this.withDevice(() => this.release());
  }

  /** Frees a paused run's GPU memory; it can be resumed from its checkpoint. */
  async release(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    if (!live) return;
    this.#forget(live);
    await live.destroy();
  }

  /** @throws Withdrawn, and as `start` */
  async #create(
    seed: RunSeed,
    open: OpenModel,
    heard: Emit,
    signal: AbortSignal,
    swept?: Swept,
  ): Promise<RunRecord> {
    const emit = withTabs(seed.run.id, heard);
    emit({ type: 'status', status: 'running' });
    try {
      const goOn = (): void => signal.throwIfAborted();
      this.#live = await LiveRun.create(seed, this.session, open, emit, goOn, swept?.pauseAfter);
      this.#turn.begun();
    } catch (error) {
      if (error instanceof Withdrawn) throw error;
      const reason = await this.session.reasonFor(error);
      // The status in storage, since it could not be brought to the GPU.
      const status = seed.checkpoint ? 'paused' : 'failed';
      emit({ type: 'status', status, failure: failureOf(reason) });
      throw reason;
    }
    return this.#drive(this.#live);
  }

  async #drive(live: LiveRun): Promise<RunRecord> {
    // The trained copy of the model cannot answer before it is kept.
    if (writes(live.record))
      this.session.current = live.adapter && {
        live: live.adapter,
        origin: () => live.origin,
        trainedOn: () => ({ ...live.record, runId: live.id }),
      };
    try {
      // The request that came while shaders were compiled.
      const { request } = this.#turn;
      if (request === 'stop') live.stop();
      if (request === 'cancel') live.cancel();
      if (request === 'pause') live.pause();
      // A new run has no record before its first checkpoint.
      await this.#claim(live);
      const rest = await live.train();
      keepSpeed(live.measured);
      if (rest !== 'paused') {
        await this.#finish(live, rest);
        return runRecord(live.record, false);
      }
      live.become('paused');
      return runRecord(live.record, true);
    } catch (error) {
      throw await this.#fail(live, await this.session.reasonFor(error));
    }
  }

  /** Stores that a run is running, so that other tabs know whose it is. */
  async #claim(live: LiveRun): Promise<void> {
    await ifStorageWorks(changeRun(live.id, { status: 'running' }));
    tellTabs();
  }

  async #finish(live: LiveRun, end: 'done' | 'stopped' | 'cancelled'): Promise<void> {
    // Before the first step there is nothing to keep.
    if (end === 'cancelled' || live.step === 0) {
      await live.discard('cancelled');
      this.#forget(live);
    } else {
      this.#show(live.record, await live.keep(end));
    }
    this.#live = undefined;
    await live.destroy();
  }

  /** Brings a run to rest after an error, and returns the error that tells most. */
  async #fail(live: LiveRun, reason: unknown): Promise<unknown> {
    const failure = failureOf(reason);
    if (failure.code.startsWith('storage-') || isScoringFailure(reason)) {
      // Nothing is lost: the run is on the GPU, and its last checkpoint is unchanged.
      live.become('paused', failure);
      return reason;
    }
    this.#live = undefined;
    this.#forget(live);
    try {
      if (failure.code !== 'train-diverged') {
        // It can be resumed from its checkpoint.
        await changeRun(live.id, { status: 'failed' });
        live.become('failed', failure);
      } else if (live.step > 0 && (await live.isFinite())) {
        // From its checkpoint it would fail in the same way.
        this.#show(live.record, await live.keep('failed', failure));
      } else {
        await live.discard('failed', failure);
      }
    } catch (error) {
      // That storage failed, too, matters less: the checkpoint is unchanged.
      if (!(error instanceof GraftError)) throw error;
      live.become('failed', failure);
    }
    await live.destroy();
    return reason;
  }

  async #end(request: 'stop' | 'cancel'): Promise<void> {
    if (this.#turn.busy) {
      this.#turn.ask(request);
      if (request === 'stop') this.#live?.stop();
      else this.#live?.cancel();
      return;
    }
    await this.#turn.inTurn(async () => {
      const live = this.#live;
      if (!live) return;
      try {
        if (!(await live.isCurrent())) {
          // Another tab resumed this run: this tab must not end it.
          await this.release();
          return;
        }
        if (request === 'stop') live.stop();
        else live.cancel();
        if (live.end) await this.#finish(live, live.end);
      } catch (error) {
        // The run's last event tells the page.
        await this.#fail(live, await this.session.reasonFor(error));
      }
    });
  }

  /** Ends work on a model that is open for it, unless a run has it then. */
  async #closing<T>(open: OpenModel, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.#live?.open !== open) await open.close?.();
      throw error;
    }
  }

  async #modelOf(run: StoredRun): Promise<OpenModel> {
    const model = { name: run.baseModel, bundled: run.bundled };
    const held = weightsOf(run);
    const isOpen = writes(run) && this.session.has(model, held) !== undefined;
    if (!isOpen) await this.release();
    let open: OpenModel | undefined;
    try {
      open = writes(run) ? await this.openRef(model, held) : await this.openEncoder(run.baseModel);
    } catch (error) {
      if (!(error instanceof GraftError && error.code === 'model-missing')) throw error;
    }
    if (open?.fingerprint === run.modelFingerprint) return open;
    await open?.close?.();
    throw otherModel(run, open);
  }

  /** The adapter of a finished run becomes `current`, if it can answer. */
  #show(run: StoredRun, id: string | undefined): void {
    if (!writes(run)) return;
    this.session.current = id === undefined ? undefined : { id };
  }

  #forget(live: LiveRun): void {
    const { current } = this.session;
    if (current && 'live' in current && current.live === live.adapter) this.session.current = undefined;
  }
}

/** It is not awaited: without it, the next forecast is made from the test. */
function keepSpeed(measured: LiveRun['measured']): void {
  void outcome(async () => {
    const { keepSpeedOf } = await import('../device/speeds.ts');
    await keepSpeedOf(measured);
    return {};
  });
}

function cancelled(): GraftError {
  return new GraftError(
    'run-cancelled',
    'The run was cancelled before its first step.',
    'Nothing of it is kept; its settings are where they were.',
  );
}

function notResumable(remedy: string): GraftError {
  return new GraftError('run-not-resumable', 'This run has no checkpoint.', remedy);
}
