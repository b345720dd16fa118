/** The runs of the open project, newest first. */
import type { Failure, Outcome, RunRecord, RunSummary } from '../../worker/api.ts';
import { Latest } from '../state/latest.ts';
import type { ProjectsState } from '../state/projects.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

export class RunsState {
  /** The runs of every project, without their curves. */
  all = $state.raw<readonly RunSummary[]>([]);
  loaded = $state(false);
  failure = $state.raw<Failure>();
  /** Runs drawn under the current one, with their curves, in the order in which they were laid there. */
  overlaid = $state.raw<readonly RunRecord[]>([]);
  readonly #listed = new Latest(
    () => this.#session.worker.listRuns(),
    (outcome) => this.#take(outcome),
  );
  readonly #session: SessionState;
  readonly #projects: ProjectsState;

  constructor(session: SessionState, projects: ProjectsState) {
    this.#session = session;
    this.#projects = projects;
  }

  /** Those of sweeps are listed with these. */
  list: readonly RunSummary[] = $derived.by(() =>
    this.all.filter(({ projectId, sweep }) => projectId === this.#projects.id && sweep === undefined),
  );

  refresh(): Promise<void> {
    return this.#listed.ask();
  }

  async #take(outcome: Outcome<{ readonly runs: readonly RunSummary[] }>): Promise<void> {
    this.loaded = true;
    if (outcome.ok) {
      this.all = [...outcome.runs].sort((a, b) => b.created - a.created);
      this.failure = undefined;
      // A run that was resumed has more steps now.
      for (const { id, step } of this.overlaid)
        if (this.all.some((run) => run.id === id && run.step !== step)) await this.#overlay(id);
    } else {
      this.failure = outcome;
    }
    void this.#session.refreshStorage();
  }

  /** The first of `stem 1`, `stem 2` and so on that no run of the project is called. */
  freeName(stem: string): string {
    const taken = this.list.map(({ options }) => options.name);
    let number = 1;
    while (taken.includes(`${stem} ${number}`)) number++;
    return `${stem} ${number}`;
  }

  /** The name, or if a run of the project has it, the next free one: `voice 2` after `voice 1`. */
  unlike(name: string): string {
    if (this.list.every(({ options }) => options.name !== name)) return name;
    return this.freeName(name.replace(/ \d+$/, ''));
  }

  get resumable(): RunSummary | undefined {
    return this.list.find(({ resumable }) => resumable);
  }

  isOverlaid(id: string): boolean {
    return this.overlaid.some((run) => run.id === id);
  }

  async toggleOverlay(id: string): Promise<void> {
    if (this.isOverlaid(id)) this.#lift(id);
    else await this.#overlay(id);
  }

  async remove(id: string): Promise<void> {
    const outcome = await this.#session.worker.deleteRun(id);
    if (outcome.ok) {
      this.#lift(id);
      await this.refresh();
    } else {
      this.failure = outcome;
    }
  }

  async #overlay(id: string): Promise<void> {
    const outcome = await this.#session.worker.readRun(id);
    if (!outcome.ok) this.failure = outcome;
    else if (this.isOverlaid(id))
      this.overlaid = this.overlaid.map((run) => (run.id === id ? outcome.run : run));
    else this.overlaid = [...this.overlaid, outcome.run];
  }

  #lift(id: string): void {
    this.overlaid = this.overlaid.filter((run) => run.id !== id);
  }
}
