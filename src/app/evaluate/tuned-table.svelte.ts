/** The table of everything tuned: missing rows are measured in turn, and each result is stored with the project at once. */
import type { RunTook } from '../../evaluate/run-took.ts';
import type { Failure, Progress, Sample, TunedMeasurement } from '../../worker/api.ts';
import { tunedRowKey } from './tuned-rows.ts';
import type { Tuned } from './tuned.ts';
import { plural } from '../../numbers.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import { MeasurementPace } from '../train/pace.ts';
import type { ResultsState } from './results.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

class TunedTable {
  /** The latest last; one for each row. */
  entries = $state.raw<readonly TunedMeasurement[]>([]);
  /** The resources that runs took, by id. */
  took = $state.raw<Readonly<Record<string, RunTook>>>({});
  /** Which of how many is measured now, counted from 1, and its name. */
  turn = $state.raw({ at: 1, of: 1, name: '' });
  progress = $state.raw<Progress>();
  /** Seconds left of the current part. */
  secondsLeft = $state<number>();
  /** Seconds left of the whole measurement, once one row was measured. */
  allLeft = $state<number>();
  failure = $state.raw<Failure>();
  /** What happened to a stopped measurement; '' if none was. */
  stopped = $state('');
  /** The project whose table is shown. */
  #project: string | undefined;
  #request: AbortController | undefined;

  constructor(
    private readonly session: SessionState,
    private readonly kept: ResultsState,
  ) {}

  /** Shows the stored results of the open project: of another project, or of one that an import or another tab has added to. */
  async recall(): Promise<void> {
    const { project } = this.kept;
    if (project !== this.#project) {
      this.#project = project;
      this.entries = [];
      this.failure = undefined;
      this.stopped = '';
    }
    await this.#takeKept();
  }

  async #takeKept(): Promise<void> {
    const project = this.#project;
    const { tuned } = await this.kept.read();
    if (project !== this.#project) return;
    // A measurement made here is newer.
    const own = this.entries.map(tunedRowKey);
    const others = (tuned?.entries ?? []).filter((entry) => !own.includes(tunedRowKey(entry)));
    if (others.length > 0) this.entries = [...others, ...this.entries];
  }

  /** Reads what runs took. */
  async weigh(runIds: readonly string[]): Promise<void> {
    if (runIds.length === 0) return;
    const outcome = await this.session.worker.tookOfRuns(runIds);
    if (outcome.ok) this.took = { ...this.took, ...outcome.took };
  }

  /** Measures one after the other. Complete results are kept, whatever happens to the rest. */
  async measure(tuned: readonly Pick<Tuned, 'key' | 'choice' | 'name'>[], sample: Sample): Promise<void> {
    if (this.progress || tuned.length === 0) return;
    const { project } = this.kept;
    this.#project = project;
    this.failure = undefined;
    this.stopped = '';
    const pace = new MeasurementPace();
    const request = (this.#request = this.session.beginMeasuring());
    const { signal } = request;
    let done = 0;
    /** The first one that failed: the others are measured all the same. */
    let failed: Failure | undefined;
    for (const [at, { choice, name }] of tuned.entries()) {
      this.turn = { at: at + 1, of: tuned.length, name };
      this.progress = { what: 'answering', done: 0, total: 0 };
      this.secondsLeft = undefined;
      const usual = this.#usualSeconds(sample);
      const start = performance.now();
      const hear = (progress: Progress): void => {
        if (!this.progress) return;
        const now = performance.now();
        this.secondsLeft = pace.secondsLeft(progress, now);
        this.allLeft = usual && Math.max(0, usual * (tuned.length - at) - (now - start) / 1000);
        this.progress = progress;
      };
      const outcome = await this.session.worker.measureTuned(choice, sample, hear, signal);
      // Another project may have been opened meanwhile.
      if (project !== this.kept.project) break;
      if (!outcome.ok) {
        if (outcome.code !== 'worker-aborted') {
          failed ??= { ...outcome, what: `${name}: ${outcome.what}` };
          if (!signal.aborted) continue;
        }
        this.#tellStop(done, tuned.length);
        break;
      }
      done++;
      await this.#takeKept();
      const others = this.entries.filter((entry) => tunedRowKey(entry) !== tunedRowKey(outcome.measured));
      this.entries = [...others, outcome.measured];
      this.failure = await this.kept.keep(project, { tuned: { entries: this.entries } });
      if (this.failure) break;
      if (signal.aborted && done < tuned.length) {
        this.#tellStop(done, tuned.length);
        break;
      }
    }
    this.failure ??= failed;
    this.progress = undefined;
    this.session.endMeasuring(request);
    this.allLeft = undefined;
    if (done === tuned.length) this.session.announcer.say('Everything is measured on the same rows.');
  }

  stop(): void {
    this.#request?.abort();
  }

  #tellStop(done: number, of: number): void {
    this.stopped = `Stopped: ${done} of ${plural(of, 'row')} of the table ${done === 1 ? 'was' : 'were'} measured. Press again to measure the rest.`;
    this.session.announcer.say(this.stopped);
  }

  /** The time of a measurement of this many rows, from earlier ones; undefined before there is one. */
  #usualSeconds({ rows }: Sample): number | undefined {
    const alike = this.entries.filter((entry) => entry.sample.rows === rows);
    return alike.length === 0
      ? undefined
      : alike.reduce((sum, { evaluation }) => sum + (evaluation.made.seconds ?? 0), 0) / alike.length;
  }
}

/** The table of a studio: its measurement continues while another stage is open. */
export const tunedTableOf = ofProject(({ session, results }) => new TunedTable(session, results));
