/** The stages of an adapter, each measured on the test rows of all stages. */
import type { Failure, LineageReport, MeasuredLineage, Progress } from '../../worker/api.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import { MeasurementPace } from '../train/pace.ts';
import type { ResultsState } from '../evaluate/results.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

class Lineage {
  /** The adapter whose line was measured last. */
  id = $state<string>();
  report = $state.raw<LineageReport>();
  progress = $state.raw<Progress>();
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();
  /** When it was measured, in milliseconds since 1970. */
  time = $state<number>();
  /** Seconds left of the whole measurement, once one of its parts has ended. */
  allLeft = $state<number>();
  /** How long a row of each test took. */
  #secondsPerRow = $state<number>();
  #request: AbortController | undefined;
  /** The project whose report is shown. */
  #project: string | undefined;

  constructor(
    private readonly session: SessionState,
    private readonly kept: ResultsState,
  ) {}

  /** Shows what the open project keeps, once it is another one. */
  async recall(): Promise<void> {
    const { project } = this.kept;
    if (project === this.#project || this.progress) return;
    this.#project = project;
    this.#show(undefined);
    const { lineage } = await this.kept.read();
    // A measurement that was made meanwhile is newer.
    if (project === this.#project && !this.report) this.#show(lineage);
  }

  #show(measured: MeasuredLineage | undefined): void {
    this.id = measured?.id;
    this.report = measured?.report;
    this.time = measured?.time;
    const { asked = 0, seconds } = measured ?? {};
    this.#secondsPerRow = seconds !== undefined && asked > 0 ? seconds / asked : undefined;
  }

  /** How long a measurement of the line that was measured last would take, in seconds; undefined for another line. */
  usualSeconds(id: string, rows: number): number | undefined {
    return id === this.id && this.#secondsPerRow !== undefined ? this.#secondsPerRow * rows : undefined;
  }

  /** @param rows of each test part that are asked */
  async measure(id: string, rows: number): Promise<void> {
    if (this.progress) return;
    this.failure = undefined;
    const { project } = this.kept;
    this.progress = { what: 'reading', done: 0, total: 0 };
    const pace = new MeasurementPace();
    const start = performance.now();
    this.allLeft = undefined;
    const hear = (progress: Progress): void => {
      if (!this.progress) return;
      const now = performance.now();
      this.secondsLeft = pace.secondsLeft(progress, now);
      const { at, of } = progress.turn ?? { at: 0, of: 0 };
      if (at > 1 && at !== this.progress.turn?.at)
        this.allLeft = (((now - start) / 1000) * (of - at + 1)) / (at - 1);
      this.progress = progress;
    };
    const { signal } = (this.#request = new AbortController());
    const outcome = await this.session.worker.measureLineage(id, rows, hear, signal);
    this.progress = undefined;
    if (outcome.ok) {
      const seconds = (performance.now() - start) / 1000;
      const lineage = { id, report: outcome.report, time: Date.now(), asked: rows, seconds };
      const notKept = await this.kept.keep(project, { lineage });
      // Another project may have been opened meanwhile.
      if (project !== this.kept.project) return;
      this.#project = project;
      this.#show(lineage);
      this.failure = notKept;
      this.session.announcer.say('Every stage is measured.');
    } else if (outcome.code !== 'worker-aborted' && project === this.kept.project) this.failure = outcome;
  }

  stop(): void {
    this.#request?.abort();
  }

  end(): void {
    this.stop();
  }
}

/** The lineage of a studio: a result stays while another stage is open. */
export const shownLineage = ofProject(({ session, results }) => new Lineage(session, results));
