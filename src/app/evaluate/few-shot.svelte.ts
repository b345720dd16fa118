/** The base model with examples in its prompt: prompting first; and an adapter after the same ones. Kept with the project. */
import type { Evaluation, Failure, Progress, Sample } from '../../worker/api.ts';
import { choiceOf, type AdapterKey } from '../use/adapters.svelte.ts';
import { plural } from '../../numbers.ts';
import { isLarger } from './origin.ts';
import { MeasurementPace } from '../train/pace.ts';
import type { ResultsState } from './results.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** How many examples stood before each question. */
const shotsOf = ({ subjects }: Evaluation): number => subjects.at(0)?.detail?.shots?.length ?? 0;

/** Examples before each question, until a person says how many. */
const USUAL_SHOTS = 4;

export class FewShotState {
  /** Examples before each question. */
  shots = $state(USUAL_SHOTS);
  report = $state.raw<Evaluation>();
  progress = $state.raw<Progress>();
  /** Seconds left of the current part; undefined while unknown or too short to show. */
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();
  /** What was kept of a stopped measurement; '' if none was. */
  stopped = $state('');
  #request: AbortController | undefined;
  readonly #session: SessionState;
  readonly #kept: ResultsState;

  constructor(session: SessionState, kept: ResultsState) {
    this.#session = session;
    this.#kept = kept;
  }

  /** @param adapter that is asked as well */
  async measure(sample: Sample, adapter: AdapterKey = 'base'): Promise<void> {
    if (this.progress) return;
    // It counts as ended once its report is shown, so that the number of examples is not typed in between.
    try {
      await this.#measure(sample, adapter);
    } finally {
      this.progress = undefined;
    }
  }

  async #measure(sample: Sample, adapter: AdapterKey): Promise<void> {
    const { project } = this.#kept;
    this.failure = undefined;
    this.stopped = '';
    this.progress = { what: 'answering', done: 0, total: 0 };
    const pace = new MeasurementPace();
    this.secondsLeft = undefined;
    const hear = (progress: Progress): void => {
      if (!this.progress) return;
      this.secondsLeft = pace.secondsLeft(progress, performance.now());
      this.progress = progress;
    };
    const choice = choiceOf(adapter);
    const { signal } = (this.#request = new AbortController());
    const outcome = await this.#session.worker.measureFewShot(this.shots, sample, hear, choice, signal);
    // Another project may have been opened meanwhile.
    const isHere = (): boolean => project === this.#kept.project;
    if (!outcome.ok) {
      if (!isHere()) return;
      // The person stopped it: that is no failure.
      if (outcome.code === 'worker-aborted') this.#tellStop(`${outcome.what} ${outcome.remedy}`);
      else this.failure = outcome;
      return;
    }
    const { evaluation: report, stopped } = outcome;
    const rows = plural(report.items.length, 'row');
    const before = this.report;
    // A stopped measurement does not replace one of more rows.
    if (stopped && isHere() && before && shotsOf(before) === shotsOf(report) && isLarger(before, report)) {
      this.#tellStop(
        `Stopped after ${rows}. The earlier measurement of ${plural(before.items.length, 'row')} is kept.`,
      );
      return;
    }
    const notKept = await this.#kept.keep(project, { fewShot: report });
    if (!isHere()) return;
    this.show(report);
    this.failure = notKept;
    if (stopped) this.#tellStop(`Stopped. Answers to ${rows} are kept.`);
    else this.#session.announcer.say('The base model was measured with examples in its prompt.');
  }

  #tellStop(what: string): void {
    this.stopped = what;
    this.#session.announcer.say(what);
  }

  stop(): void {
    this.#request?.abort();
  }

  /** As many examples as the base model had in a measurement, if it had some. */
  recall(measured: Evaluation | undefined): void {
    const { shots, nearest } =
      measured?.subjects.find(({ detail }) => detail?.shots ?? detail?.nearest)?.detail ?? {};
    const many = shots?.length ?? nearest;
    if (many !== undefined && many > 0) this.shots = many;
  }

  /** What the project keeps; nothing if it keeps none. */
  show(report: Evaluation | undefined): void {
    this.report = report;
    if (report) this.shots = shotsOf(report);
    this.failure = undefined;
    this.stopped = '';
  }

  /** Nothing is measured, as in a new project. */
  forget(): void {
    if (this.progress) this.stop();
    this.show(undefined);
    this.shots = USUAL_SHOTS;
  }
}
