/** Methods on held-out rows, and adapters against them; with `base` alone it is the baseline. Kept with the project. */
import type { Evaluation as Result, Failure, Progress, Sample, ScorerChoice } from '../../worker/api.ts';
import { choiceOf, type AdapterKey } from '../use/adapters.svelte.ts';
import { GraftError } from '../../errors.ts';
import { bytes } from '../ui/format.ts';
import { plural } from '../../numbers.ts';
import { isLarger } from './origin.ts';
import { MeasurementPace } from '../train/pace.ts';
import type { ResultsState } from './results.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** The rows that can be asked, of each of so many tasks. */
export interface Unsized {
  readonly available: number;
  readonly tasks: number;
}

export class EvaluationState {
  /** The measurement of this project. */
  own = $state.raw<Result>();
  /** A saved one that a person opened; it is shown, and the own one stays kept. */
  opened = $state.raw<{
    readonly name: string;
    readonly record: Result;
    /** It joins the folds of a cross-validation of this project, whose name it has. */
    readonly isFolds?: true;
  }>();
  /** Which of how many is measured now, counted from 1. */
  turn = $state.raw({ at: 1, of: 1 });
  progress = $state.raw<Progress>();
  /** Whether the first rows are timed, to see how many can be asked. */
  timing = $state(false);
  /** Seconds left of the current part; undefined while unknown or too short to show. */
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();
  /** What was kept of a stopped measurement; '' if none was. */
  stopped = $state('');
  #request: AbortController | undefined;
  /** The metrics that were asked for last. */
  #wanted: readonly ScorerChoice[] = [];
  readonly #session: SessionState;
  readonly #kept: Pick<ResultsState, 'project' | 'keep'>;
  readonly #kind: 'baseline' | 'evaluation';

  constructor(
    session: SessionState,
    kept: Pick<ResultsState, 'project' | 'keep'>,
    kind: 'baseline' | 'evaluation',
  ) {
    this.#session = session;
    this.#kept = kept;
    this.#kind = kind;
  }

  /** What is shown. */
  get result(): Result | undefined {
    return this.opened?.record ?? this.own;
  }

  /** Shows a file that the page or the command wrote. */
  async open(file: File): Promise<void> {
    this.failure = undefined;
    this.stopped = '';
    const { MAX_BYTES, readEvaluation } = await import('../../evaluate/record-file.ts');
    try {
      if (file.size > MAX_BYTES)
        throw new GraftError(
          'evaluation-file',
          `${file.name} has ${bytes(file.size)}, and an evaluation has at most ${bytes(MAX_BYTES)}.`,
          'Choose another file.',
        );
      this.opened = { name: file.name, record: readEvaluation(await file.text(), file.name) };
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      this.failure = { code: error.code, what: error.what, remedy: error.remedy };
    }
  }

  /**
   * Scores the kept answers by further metrics, as far as these are enough; the record has them from then on. Only the last call has an effect: each one
   * has all metrics.
   */
  async addScorers(choices: readonly ScorerChoice[]): Promise<void> {
    this.#wanted = choices;
    const { opened } = this;
    const { project } = this.#kept;
    const isLast = (): boolean => this.#wanted === choices && this.#kept.project === project;
    if (opened) {
      const record = await this.#withScorers(opened.record, choices);
      if (isLast() && this.opened === opened) this.opened = { ...opened, record };
    }
    while (this.own && isLast()) {
      const { own } = this;
      const added = await this.#withScorers(own, choices);
      if (added === own || !isLast()) return;
      // Else something else was added to it meanwhile, or it was measured again.
      if (this.own === own) return this.#keep(added);
    }
  }

  /** Texts are compared here; what reads more of an answer, or runs code, is the worker's. */
  async #withScorers(record: Result, choices: readonly ScorerChoice[]): Promise<Result> {
    const { addScorers, attemptsToAdd } = await import('../../evaluate/add-scorers.ts');
    const compared = addScorers(record, choices);
    if (attemptsToAdd(compared, choices).length === 0) return compared;
    const outcome = await this.#session.worker.addMetrics(compared, choices);
    if (outcome.ok) return outcome.record;
    this.failure = outcome;
    return compared;
  }

  /** Keeps a person's blind judging of two subjects in place of the one before. */
  async keepBlind(judging: NonNullable<Result['blind']>[number]): Promise<void> {
    const { own } = this;
    if (!own) return;
    const others = (own.blind ?? []).filter(({ subjects }) =>
      subjects.some((at) => !judging.subjects.includes(at)),
    );
    await this.#keep({ ...own, blind: [...others, judging] });
  }

  /** Keeps what a model judged in this measurement; nothing once another one is shown. @param add puts it into the record */
  async keepJudged(add: (record: Result) => Result): Promise<void> {
    if (this.own) await this.#keep(add(this.own));
  }

  /** The same measurement with something added to it. */
  async #keep(own: Result): Promise<void> {
    this.own = own;
    this.failure = await this.#kept.keep(this.#kept.project, { [this.#kind]: own });
  }

  /** Back to what was measured here. */
  close(): void {
    this.opened = undefined;
  }

  /**
   * What the base model answered is kept by the worker: a second adapter costs its own answers only.
   *
   * @param unsized what there is to ask if nobody chose a number of rows: as many are asked as fit into a minute, after some were timed
   * @returns whether it has ended, however, in the project that it was begun in
   */
  async measure(adapters: readonly AdapterKey[], sample: Sample, unsized?: Unsized): Promise<boolean> {
    if (this.progress) return false;
    const { project } = this.#kept;
    // It counts as ended once its result is shown, so that announcements belong to this result.
    try {
      await this.#measure(adapters, sample, project, unsized);
    } finally {
      this.progress = undefined;
      this.timing = false;
    }
    return project === this.#kept.project;
  }

  async #measure(
    adapters: readonly AdapterKey[],
    asked: Sample,
    project: string | undefined,
    unsized: Unsized | undefined,
  ): Promise<void> {
    this.failure = undefined;
    this.stopped = '';
    const pace = new MeasurementPace();
    this.secondsLeft = undefined;
    const tuned = adapters.map(choiceOf).filter((choice) => choice !== 'base');
    this.turn = { at: 1, of: Math.max(1, tuned.length) };
    this.progress = { what: 'answering', done: 0, total: 0 };
    const { signal } = (this.#request = new AbortController());
    let sample = asked;
    if (unsized) {
      const timed = await this.#time(sample, unsized, tuned.length, signal);
      if (typeof timed !== 'number') {
        if (project === this.#kept.project) this.#tellFailure(timed);
        return;
      }
      sample = { ...sample, rows: timed };
    }
    const hear = (progress: Progress): void => {
      if (!this.progress) return;
      this.turn = progress.turn ?? this.turn;
      this.secondsLeft = pace.secondsLeft(progress, performance.now());
      this.progress = progress;
    };
    const outcome = await this.#session.worker.evaluate(tuned, sample, hear, signal);
    if (!outcome.ok) {
      if (project !== this.#kept.project) return;
      this.#tellFailure(outcome);
      return;
    }
    const { evaluation, stopped } = outcome;
    const measuredRows = plural(evaluation.items.length, 'row');
    // A stopped measurement does not replace one of more rows.
    const before = this.own;
    if (stopped && project === this.#kept.project && before && isLarger(before, evaluation)) {
      this.#tellStop(
        `Stopped after ${measuredRows}. The earlier measurement of ${plural(before.items.length, 'row')} is kept.`,
      );
      return;
    }
    const notKept = await this.#kept.keep(project, { [this.#kind]: evaluation });
    // Another project may have been opened meanwhile.
    if (project !== this.#kept.project) return;
    this.show(evaluation);
    this.failure = notKept;
    const answered = evaluation.subjects.filter(({ adapter }) => adapter).length;
    if (!stopped) this.#session.announcer.say('The evaluation is done.');
    else if (answered < tuned.length)
      this.#tellStop('Stopped before all adapters had answered the same rows: those that had are shown.');
    else this.#tellStop(`Stopped. Answers to ${measuredRows} are kept.`);
  }

  /** Times some answers of the base model, which are kept. @returns how many rows fit, or why it cannot be known */
  async #time(
    sample: Sample,
    unsized: Unsized,
    adapters: number,
    signal: AbortSignal,
  ): Promise<number | Failure> {
    this.timing = true;
    const { timedRows } = await import('./budget.ts');
    const onProgress = (progress: Progress): void => {
      if (this.progress) this.progress = progress;
    };
    const rows = await timedRows(
      this.#session.worker,
      sample,
      { ...unsized, adapters, own: this.own },
      { onProgress, signal },
    );
    this.timing = false;
    return rows;
  }

  /** What a person stopped has not failed. */
  #tellFailure(failure: Failure): void {
    if (failure.code === 'worker-aborted') this.#tellStop(`${failure.what} ${failure.remedy}`);
    else this.failure = failure;
  }

  #tellStop(what: string): void {
    this.stopped = what;
    this.#session.announcer.say(what);
  }

  stop(): void {
    this.#request?.abort();
  }

  /** What the project keeps; nothing if it keeps none. */
  show(measured: Result | undefined): void {
    this.own = measured;
    this.opened = undefined;
    this.failure = undefined;
    this.stopped = '';
  }

  /** Nothing is measured, as in a new project. */
  forget(): void {
    if (this.progress) this.stop();
    this.show(undefined);
  }
}
