/** Measurements and conversations, stored with the project that they belong to, whichever is open by then. */
import type { Failure, Results as Kept } from '../../worker/api.ts';
import type { ProjectsState } from '../state/projects.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

export class ResultsState {
  readonly #session: SessionState;
  readonly #projects: ProjectsState;

  constructor(session: SessionState, projects: ProjectsState) {
    this.#session = session;
    this.#projects = projects;
  }

  /** The project that is open now. */
  get project(): string | undefined {
    return this.#projects.id;
  }

  /** The results of the open project. A result that cannot be read counts as missing; a failure of the storage shows when something is written. */
  async read(): Promise<Kept> {
    if (this.project === undefined) return {};
    const outcome = await this.#session.worker.readResults(this.project);
    return outcome.ok ? outcome.results : {};
  }

  /** @returns why it could not be kept */
  async keep(project: string | undefined, results: Kept): Promise<Failure | undefined> {
    if (project === undefined) return undefined;
    const outcome = await this.#session.worker.keepResults(project, results);
    return outcome.ok ? undefined : outcome;
  }
}
