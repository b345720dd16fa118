/** The runs of the open project, newest first. */
import type { Failure, RunRecord } from '../../worker/api.ts';
import type { Projects } from './projects.svelte.ts';
import type { Session } from './session.svelte.ts';

export class Runs {
  /** Of every project. */
  all = $state.raw<readonly RunRecord[]>([]);
  loaded = $state(false);
  failure = $state.raw<Failure>();
  /** Runs drawn under the current one, by id. */
  overlaid = $state.raw<readonly string[]>([]);
  readonly #session: Session;
  readonly #projects: Projects;

  constructor(session: Session, projects: Projects) {
    this.#session = session;
    this.#projects = projects;
  }

  list: readonly RunRecord[] = $derived.by(() =>
    this.all.filter(({ projectId }) => projectId === this.#projects.id),
  );

  async refresh(): Promise<void> {
    const outcome = await this.#session.worker.listRuns();
    this.loaded = true;
    if (outcome.ok) {
      this.all = [...outcome.runs].sort((a, b) => b.created - a.created);
      this.failure = undefined;
    } else {
      this.failure = outcome;
    }
    void this.#session.refreshStorage();
  }

  get resumable(): RunRecord | undefined {
    return this.list.find(({ resumable }) => resumable);
  }

  toggleOverlay(id: string): void {
    this.overlaid = this.overlaid.includes(id)
      ? this.overlaid.filter((other) => other !== id)
      : [...this.overlaid, id];
  }

  async remove(id: string): Promise<void> {
    const outcome = await this.#session.worker.deleteRun(id);
    if (outcome.ok) {
      this.overlaid = this.overlaid.filter((other) => other !== id);
      await this.refresh();
    } else {
      this.failure = outcome;
    }
  }
}
