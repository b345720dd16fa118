/** Trains the runs of a sweep as runs of the page, one after the other. */
import { GraftError } from '../../errors.ts';
import { formOfRun } from '../../runs/sweep/form.ts';
import type { TrialOutcome, SweepPort } from '../../runs/sweep/drive.ts';
import type { SweepState, SweptRun } from '../../runs/sweep/record.ts';
import type { Failure, FormSpec, RunUpdate, RunRecord } from '../api.ts';
import type { DataSet } from '../data/data.ts';
import { failureOf } from '../outcome.ts';
import type { Runs } from '../runs/runs.ts';
import { otherTab } from '../device/training-lock.ts';
import { storedId } from './info.ts';

/** What a sweep needs of the runs. */
export type SweepTrainer = Pick<Runs, 'start' | 'resume' | 'pause' | 'cancel' | 'read' | 'release'>;

interface Asked {
  readonly id: string;
  readonly form: FormSpec;
  readonly trainer: SweepTrainer;
  readonly emit: (run: string, event: RunUpdate) => void;
  readonly keep: (state: SweepState) => Promise<void>;
  /** Deletes what a run would continue from. */
  readonly drop: (runId: string) => Promise<void>;
  /** The rows of a run, where they are not the open ones. */
  readonly rowsOf: (run: SweptRun) => DataSet | undefined;
}

const MS = 1000;
/** The longest time that a timer of a browser takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** They stop the sweep and are no fault of the run: what is saved continues later. */
const isOfPlace = (code: string): boolean =>
  /^(?:storage|worker|model)-|^(?:engine-device-lost|engine-gpu-error|run-other-model|run-room)$/.test(code);

export class PagePort implements SweepPort {
  /** Why the sweep rests, if a fault that is not of a run stopped it. */
  failure: Failure | undefined;
  #stopped = false;
  #training = false;
  readonly #measuring = new AbortController();

  constructor(private readonly asked: Asked) {}

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Saves the run that trains, and rests. */
  stop(): void {
    this.#stopped = true;
    this.#measuring.abort();
    if (this.#training) this.asked.trainer.pause();
  }

  /** Aborted by {@link stop}. */
  get signal(): AbortSignal {
    return this.#measuring.signal;
  }

  async left({ id }: SweptRun): Promise<TrialOutcome | undefined> {
    const record = await this.#read(id);
    return record && outcomeOf(record);
  }

  async train(run: SweptRun, until: number | undefined, seconds: number): Promise<TrialOutcome> {
    const { id, form, trainer, emit, rowsOf } = this.asked;
    const swept = { id: storedId(id, run.id), sweep: id, pauseAfter: until, rows: rowsOf(run) };
    const hear = (event: RunUpdate): void => emit(run.id, event);
    const before = await this.#read(run.id);
    let isOut = false;
    const timer =
      seconds * MS <= LONGEST_TIMER_MS
        ? setTimeout(
            () => {
              isOut = true;
              trainer.pause();
            },
            Math.max(0, seconds * MS),
          )
        : undefined;
    this.#training = true;
    try {
      const trained = before?.resumable
        ? trainer.resume(swept.id, hear, swept)
        : trainer.start(formOfRun(form, run), hear, swept);
      // A person who paused while the run before was saved.
      if (this.#stopped) trainer.pause();
      const outcome = outcomeOf(await trained);
      const isEarly = outcome.status === 'paused' && outcome.step < (until ?? run.steps);
      // Something else paused the run, such as a question to the chat: the sweep rests with it.
      if (isEarly && !isOut) this.#stopped = true;
      return isEarly ? { ...outcome, status: 'interrupted' } : outcome;
    } catch (error) {
      return await this.#failed(run, error);
    } finally {
      this.#training = false;
      clearTimeout(timer);
    }
  }

  drop({ id }: SweptRun): Promise<void> {
    return this.asked.drop(storedId(this.asked.id, id));
  }

  keep(state: SweepState): Promise<void> {
    return this.asked.keep(state);
  }

  now(): number {
    return performance.now() / MS;
  }

  async #failed(run: SweptRun, error: unknown): Promise<TrialOutcome> {
    const left = (await this.left(run)) ?? { step: 0, seconds: 0 };
    const failure = failureOf(error);
    if (!isOfPlace(failure.code)) return { ...left, status: 'failed', why: failure.what };
    this.failure = failure;
    this.#stopped = true;
    return { ...left, status: 'interrupted' };
  }

  async #read(run: string): Promise<RunRecord | undefined> {
    try {
      return await this.asked.trainer.read(storedId(this.asked.id, run));
    } catch (error) {
      if (error instanceof GraftError && error.code === 'run-missing') return undefined;
      throw error;
    }
  }
}

/** How far a run of the page has come. @throws GraftError `worker-other-tab` while another tab trains, whose run it may be */
function outcomeOf({ status, resumable, steps, step, bestEval }: RunRecord): TrialOutcome {
  if (status === 'running') throw otherTab();
  const ended = status === 'done' || status === 'stopped';
  return {
    status: ended ? 'done' : status === 'cancelled' || !resumable ? 'failed' : 'paused',
    step,
    seconds: steps.reduce((sum, point) => sum + point.seconds, 0),
    ...(bestEval && { validation: bestEval }),
    ...(!ended && !resumable && { why: `It ended as ${status}, and nothing is left to continue from.` }),
  };
}
