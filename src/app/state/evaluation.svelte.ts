/** Base against one or two adapters on held-out rows; with `base` itself it is the baseline. Kept with the project. */
import type { Evaluation as Result, Failure, Measured, Progress, Sample } from '../../worker/api.ts';
import { choiceOf, type AdapterKey } from './adapters.svelte.ts';
import { plural } from '../ui/format.ts';
import { isLarger } from './origin.ts';
import { MeasurementPace } from './pace.ts';
import type { Results } from './results.svelte.ts';
import type { Session } from './session.svelte.ts';

export class Evaluation {
  /** Evaluations of the same rows, in the order in which they were asked for. */
  results = $state.raw<readonly Result[]>([]);
  /** Which of how many is measured now, counted from 1. */
  turn = $state.raw({ at: 1, of: 1 });
  progress = $state.raw<Progress>();
  /** Seconds left of the current part; undefined while unknown or too short to show. */
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();
  /** What was kept of a stopped measurement; '' if none was. */
  stopped = $state('');
  seconds = $state(0);
  readonly #session: Session;
  readonly #kept: Pick<Results, 'project' | 'keep'>;
  readonly #kind: 'baseline' | 'evaluation';

  constructor(session: Session, kept: Pick<Results, 'project' | 'keep'>, kind: 'baseline' | 'evaluation') {
    this.#session = session;
    this.#kept = kept;
    this.#kind = kind;
  }

  get result(): Result | undefined {
    return this.results.at(0);
  }

  /**
   * What the base model answered is kept by the worker: a second adapter costs its own answers only.
   *
   * @returns whether it has ended, however, in the project that it was begun in
   */
  async measure(adapters: readonly AdapterKey[], sample: Sample): Promise<boolean> {
    if (this.progress) return false;
    const { project } = this.#kept;
    // It counts as ended once its result is shown, so that announcements belong to this result.
    try {
      await this.#measure(adapters, sample, project);
    } finally {
      this.progress = undefined;
    }
    return project === this.#kept.project;
  }

  async #measure(
    adapters: readonly AdapterKey[],
    sample: Sample,
    project: string | undefined,
  ): Promise<void> {
    this.failure = undefined;
    this.stopped = '';
    const start = performance.now();
    const results: Result[] = [];
    let stopped = false;
    const pace = new MeasurementPace();
    this.secondsLeft = undefined;
    for (const [at, adapter] of adapters.entries()) {
      this.turn = { at: at + 1, of: adapters.length };
      this.progress = { what: 'answering', done: 0, total: 0 };
      const outcome = await this.#session.worker.evaluate(choiceOf(adapter), sample, (progress) => {
        if (!this.progress) return;
        this.secondsLeft = pace.secondsLeft(progress, performance.now());
        this.progress = progress;
      });
      if (!outcome.ok) {
        // The person stopped it: that is no failure, and earlier measurements are kept.
        stopped = outcome.code === 'worker-aborted';
        if (stopped && results.length > 0) break;
        if (project !== this.#kept.project) return;
        if (stopped) this.#tellStop(`${outcome.what} ${outcome.remedy}`);
        else this.failure = outcome;
        return;
      }
      ({ stopped } = outcome);
      // A second adapter stands in one table with the first only where it answered the same rows.
      if (results.every(({ rows }) => rows.length === outcome.evaluation.rows.length))
        results.push(outcome.evaluation);
      if (stopped) break;
    }
    const measuredRows = plural(results[0].rows.length, 'row');
    // A stopped measurement does not replace one of more rows.
    const before = this.result;
    if (stopped && project === this.#kept.project && before && isLarger(before, results[0])) {
      this.#tellStop(
        `Stopped after ${measuredRows}. The earlier measurement of ${plural(before.rows.length, 'row')} is kept.`,
      );
      return;
    }
    const measured = { evaluations: results, seconds: (performance.now() - start) / 1000 };
    const notKept = await this.#kept.keep(project, { [this.#kind]: measured });
    // Another project may have been opened meanwhile.
    if (project !== this.#kept.project) return;
    this.show(measured);
    this.failure = notKept;
    if (!stopped) this.#session.announcer.say('The evaluation is done.');
    else if (results.length < adapters.length)
      this.#tellStop('Stopped before all adapters had answered the same rows: those that had are shown.');
    else this.#tellStop(`Stopped. Answers to ${measuredRows} are kept.`);
  }

  #tellStop(what: string): void {
    this.stopped = what;
    this.#session.announcer.say(what);
  }

  async stop(): Promise<void> {
    await this.#session.worker.stopEvaluation();
  }

  /** What the project keeps; nothing where it keeps none. */
  show(measured: Measured | undefined): void {
    this.results = measured?.evaluations ?? [];
    this.seconds = measured?.seconds ?? 0;
    this.failure = undefined;
    this.stopped = '';
  }

  /** Nothing is measured, as in a new project. */
  forget(): void {
    if (this.progress) void this.stop();
    this.show(undefined);
  }
}
