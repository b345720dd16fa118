/** The sweeps of this browser: at most one trains. It goes on while other stages are open, and what it has done is stored after each run. */
import { GraftError } from '../../errors.ts';
import { driveSweep, wallSecondsOf, type Budget } from '../../runs/sweep/drive.ts';
import { formOfRun, headlessSweep, planOfForm, type SweepAsk } from '../../runs/sweep/form.ts';
import { stepsLeft, timeBefore } from '../../runs/sweep/forecast.ts';
import type { SweepState, SweptRun } from '../../runs/sweep/record.ts';
import { pointInWords } from '../../runs/sweep/space.ts';
import { planInWords } from '../../runs/sweep/words.ts';
import type { StoredSweep } from '../../storage/records.ts';
import type { RowSet } from '../../data/row-set.ts';
import { checkFolds } from '../../runs/sweep/folds.ts';
import type {
  Evaluation,
  Failure,
  FormSpec,
  Progress,
  RunTime,
  Sample,
  SweepEvent,
  SweepForecast,
  SweepInfo,
} from '../api.ts';
import type { DataSet } from '../data/data.ts';
import type { OpenModel } from '../models/model.ts';
import { failureOf } from '../outcome.ts';
import {
  dealtRows,
  joinedFolds,
  measuredFolds,
  measureFold,
  unmeasured,
  type AskedFold,
  type DealtRows,
} from './folds.ts';
import { infoOf, labelled, storedId, type SweptAdapters } from './info.ts';
import { PagePort, type SweepTrainer } from './port.ts';

/** Where sweeps are kept. */
export interface SweepStore {
  list(): Promise<StoredSweep[]>;
  read(id: string): Promise<StoredSweep | undefined>;
  put(sweep: StoredSweep): Promise<void>;
  /** With its runs and the adapters that nobody kept. */
  delete(sweep: StoredSweep): Promise<void>;
  /** Ends a run, and deletes what it would continue from. */
  drop(runId: string): Promise<void>;
  adapters(sweep: StoredSweep): Promise<SweptAdapters>;
  /** Puts the adapter of a run into the library. */
  keepAdapter(projectId: string, runId: string): Promise<unknown>;
}

/** What it works on. */
interface Place {
  readonly store: SweepStore;
  readonly trainer: SweepTrainer;
  readonly open: () => Promise<OpenModel>;
  readonly data: () => DataSet;
  readonly projectOf: (name: string) => Promise<string>;
  /** A forecast for each run, as for the next run of the form. */
  readonly forecast: (runs: readonly FormSpec[]) => Promise<readonly (RunTime | undefined)[]>;
  /** Works while no other tab trains a sweep. @throws GraftError `worker-other-tab` */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
  /** Whether another tab trains a sweep. */
  readonly elsewhere: () => Promise<boolean>;
  /** The other tabs hear that something has changed. */
  readonly changed: () => void;
  /** Measures the adapter of a run on the test part of some rows. Stopped, it throws `worker-aborted`. */
  readonly measure: (asked: AskedFold) => Promise<Evaluation>;
}

const SECONDS_IN_A_MINUTE = 60;
/** Recipes of which the time is forecast; those of a larger sweep are taken evenly from all. */
const MAX_FORECAST = 60;
/** Recipes that are named before the start. */
const NAMED = 8;

interface Resting {
  readonly sweep: SweepInfo;
  readonly failure?: Failure;
}

export class Sweeps {
  #live: { readonly id: string; readonly port: PagePort; readonly rest: Promise<unknown> } | undefined;

  constructor(private readonly place: Place) {}

  /** @throws GraftError `arguments`, `sweep-…`, `train-option` */
  async plan(ask: SweepAsk, form: FormSpec): Promise<SweepForecast> {
    const { place } = this;
    const open = await place.open();
    const data = place.data();
    const state = planOfForm(form, ask, data, open.info.parameters);
    const recipes = firstRuns(state);
    const every = Math.ceil(recipes.length / MAX_FORECAST);
    const some = recipes.filter((_, at) => at % every === 0);
    const times = await place.forecast(some.map((run) => formOfRun(form, run)));
    const known = times.flatMap((time, at) =>
      time ? [{ seconds: time.total, steps: some[at].steps, source: time.source }] : [],
    );
    const time = known.length > 0 && known.length === some.length ? timeBefore(state, known) : undefined;
    return {
      ...{ runs: state.runs.length, plan: planInWords(state), steps: stepsLeft(state) },
      ...(time && { time: { ...time, source: known[0].source } }),
      first: recipes.slice(0, NAMED).map(({ settings }) => pointInWords(settings, labelled)),
      command: headlessSweep(form, ask, data, open),
    };
  }

  /** @throws GraftError as {@link plan}, `worker-training`, `worker-other-tab`, `storage-…` */
  async start(
    ask: SweepAsk,
    asked: FormSpec,
    emit: (event: SweepEvent) => void,
    sample?: Sample,
  ): Promise<Resting> {
    const { place } = this;
    const form = ask.folds === undefined ? asked : checkFolds(asked, ask.folds);
    const open = await place.open();
    const data = place.data();
    const state = planOfForm(form, ask, data, open.info.parameters);
    const sweep: StoredSweep = {
      id: crypto.randomUUID(),
      projectId: await place.projectOf(data.ref?.name ?? data.name),
      created: Date.now(),
      name: nameOf(form, state),
      ...{ settings: form, ask, state, on: onOf(open, data) },
      ...(ask.folds !== undefined && sample && { sample }),
      command: headlessSweep(form, ask, data, open),
    };
    const budget: Budget = {
      ...(ask.budgetSteps !== undefined && { steps: ask.budgetSteps }),
      ...(ask.budgetMinutes !== undefined && { seconds: ask.budgetMinutes * SECONDS_IN_A_MINUTE }),
    };
    return this.#drive(sweep, budget, emit);
  }

  /** @throws GraftError `sweep-missing`, `sweep-over`, `sweep-data`, `sweep-model-changed`, and as {@link start} */
  async continue(id: string, emit: (event: SweepEvent) => void): Promise<Resting> {
    const sweep = await this.#find(id);
    const { status, runs } = sweep.state as SweepState;
    if (status === 'cancelled' || status === 'done')
      throw new GraftError('sweep-over', `“${sweep.name}” has ended.`, 'Start a new one.');
    await this.#checkSame(sweep);
    const { budgetMinutes: minutes, budgetSteps } = sweep.ask as SweepAsk;
    const isUsed = status === 'budget';
    const seconds = minutes === undefined ? undefined : minutes * SECONDS_IN_A_MINUTE;
    const hasTime = seconds !== undefined && seconds > wallSecondsOf({ runs });
    return this.#drive(
      sweep,
      {
        ...(!isUsed && budgetSteps !== undefined && { steps: budgetSteps }),
        ...(!isUsed && hasTime && { seconds }),
      },
      emit,
    );
  }

  /** Takes effect after the steps that are on the device already. */
  pause(): void {
    this.#live?.port.stop();
  }

  /** @throws GraftError `sweep-missing`, `worker-other-tab` */
  async cancel(id: string): Promise<SweepInfo> {
    if (this.#live?.id === id) {
      this.pause();
      await this.#live.rest.catch(() => undefined);
    }
    const { place } = this;
    return place.alone(async () => {
      const sweep = await this.#find(id);
      const state = sweep.state as SweepState;
      await place.trainer.release();
      const isOpen = ({ status }: SweptRun): boolean => status === 'paused' || status === 'running';
      for (const run of state.runs) if (isOpen(run)) await place.store.drop(storedId(id, run.id));
      const ended: StoredSweep = {
        ...sweep,
        state: {
          ...state,
          status: 'cancelled',
          runs: state.runs.map((run) => (isOpen(run) ? { ...run, status: 'out' as const } : run)),
        } satisfies SweepState,
      };
      await place.store.put(ended);
      place.changed();
      return this.#info(ended);
    });
  }

  async list(): Promise<SweepInfo[]> {
    const sweeps = await this.place.store.list();
    return Promise.all(sweeps.map((sweep) => this.#info(sweep)));
  }

  /** @throws GraftError `worker-training` while it trains here, `worker-other-tab` while another tab trains one */
  async delete(id: string): Promise<void> {
    const { place } = this;
    if (this.#live?.id === id)
      throw new GraftError('worker-training', 'This sweep is training.', 'Pause or cancel it first.');
    await place.alone(async () => {
      await place.trainer.release();
      await place.store.delete(await this.#find(id));
    });
    place.changed();
  }

  /** @throws GraftError `sweep-missing`, `worker-no-adapter` */
  async keep(id: string, run: string): Promise<SweepInfo> {
    const { store, changed } = this.place;
    const sweep = await this.#find(id);
    if (!(await store.keepAdapter(sweep.projectId, storedId(id, run))))
      throw new GraftError(
        'worker-no-adapter',
        `${run} has no adapter any more.`,
        'It was deleted: train its recipe as a run of its own.',
      );
    changed();
    return this.#info(sweep);
  }

  #drive(start: StoredSweep, budget: Budget, emit: (event: SweepEvent) => void): Promise<Resting> {
    const { place } = this;
    if (this.#live)
      throw new GraftError('worker-training', 'A sweep is training already.', 'Pause or cancel it first.');
    let sweep = start;
    let adapters: SweptAdapters = { swept: new Set(), kept: new Set() };
    const report = (status: SweepInfo['status']): SweepInfo => {
      const info = infoOf(sweep, status, adapters);
      emit({ type: 'sweep', sweep: info });
      return info;
    };
    let dealt: DealtRows | undefined;
    const port = new PagePort({
      ...{ id: start.id, form: start.settings as FormSpec, trainer: place.trainer },
      emit: (run, event) => emit({ type: 'run', run, event }),
      rowsOf: (run) => dealt?.rowsOf(run.recipe),
      async keep(trained) {
        // A cross-validation is done once all of its folds are measured.
        const state: SweepState =
          trained.status === 'done' && unmeasured({ ...sweep, state: trained }).length > 0
            ? { ...trained, status: 'running' }
            : trained;
        sweep = { ...sweep, state };
        await place.store.put(sweep);
        adapters = await place.store.adapters(sweep);
        place.changed();
        report(state.status);
      },
      drop: (runId) => place.store.drop(runId),
    });
    const rest = place.alone(async (): Promise<Resting> => {
      try {
        const { folds } = start.state as SweepState;
        if (folds !== undefined) dealt = dealtRows(place.data(), await place.open(), folds);
        await port.keep({ ...(start.state as SweepState), status: 'running' });
        await driveSweep(start.state as SweepState, budget, port);
        // The last run is on the device still.
        await place.trainer.release();
        if (dealt && (sweep.state as SweepState).status === 'running')
          for (const run of unmeasured(sweep)) {
            const onProgress = (progress: Progress): void =>
              emit({ type: 'measuring', fold: run.recipe, progress });
            const watch = { onProgress, signal: port.signal };
            const measured = await measureFold(sweep, run, dealt, place.measure, watch);
            sweep = { ...sweep, measured: [...measuredFolds(sweep), measured] };
            await port.keep({ ...(sweep.state as SweepState), status: 'done' });
          }
      } catch (error) {
        // What a person stopped has not failed.
        if (!port.isStopped) port.failure = failureOf(error);
        await port.keep({ ...(sweep.state as SweepState), status: 'interrupted' });
      }
      const { failure } = port;
      return { sweep: report((sweep.state as SweepState).status), ...(failure && { failure }) };
    });
    const live = { id: start.id, port, rest };
    this.#live = live;
    return rest.finally(() => {
      if (this.#live === live) this.#live = undefined;
    });
  }

  /** The measurement of all folds together. @throws GraftError `sweep-missing`, `folds-open` before all of them are measured */
  async joined(id: string): Promise<Evaluation> {
    return joinedFolds(await this.#find(id));
  }

  async #info(sweep: StoredSweep): Promise<SweepInfo> {
    const { status } = sweep.state as SweepState;
    const isHere = this.#live?.id === sweep.id;
    // A tab that trained it was closed, unless another one has it.
    const now =
      status !== 'running' || isHere ? status : (await this.place.elsewhere()) ? 'elsewhere' : 'interrupted';
    return infoOf(sweep, now, await this.place.store.adapters(sweep));
  }

  async #find(id: string): Promise<StoredSweep> {
    const sweep = await this.place.store.read(id);
    if (sweep) return sweep;
    throw new GraftError(
      'sweep-missing',
      'This sweep is not kept any more.',
      'It was deleted, perhaps in another tab: start a new one.',
    );
  }

  /** @throws GraftError `sweep-data`, `sweep-base` */
  async #checkSame(sweep: StoredSweep): Promise<void> {
    const [kept, now] = [sweep.on as SweptOn, onOf(await this.place.open(), this.place.data())];
    if (kept.fingerprint !== now.fingerprint)
      throw new GraftError(
        'sweep-base',
        `“${sweep.name}” was started on ${kept.model}, with other weights than those that are open.`,
        'Open that model with the same type of weights, then continue.',
      );
    if (kept.rows !== now.rows)
      throw new GraftError(
        'sweep-data',
        `The open rows, or how they are split, are not those that “${sweep.name}” started with, so that losses could not be compared.`,
        'Open them again, or undo the change, under Data; or start a new sweep.',
      );
  }
}

function nameOf({ name }: FormSpec, { folds, varied }: SweepState): string {
  if (folds !== undefined) return `${name.trim() || 'Cross-validation'}, ${folds} folds`;
  return `${name.trim() || 'Sweep'}: ${varied.map(labelled).join(', ') || 'seeds'}`;
}

interface SweptOn {
  readonly model: string;
  readonly fingerprint: string;
  /** Version and options of the rows. */
  readonly rows: string;
}

const onOf = (open: OpenModel, data: RowSet): SweptOn => ({
  model: open.info.name,
  fingerprint: open.fingerprint,
  rows: JSON.stringify([data.ref?.version ?? data.name, data.options ?? {}]),
});

/** The first run of each recipe. */
const firstRuns = ({ runs, seeds }: SweepState): SweptRun[] => runs.filter(({ seed }) => seed === seeds[0]);
