/** Projects. */
import type { DataSetInfo } from './data.ts';
import type { ModelRef } from './models.ts';
import type { Outcome } from './outcome.ts';

export interface ProjectInfo {
  readonly id: string;
  readonly name: string;
  readonly created: number;
  /** Milliseconds since 1970. */
  readonly changed: number;
  readonly model: ModelRef;
  /** The data set that is open in it. */
  readonly data?: DataSetInfo;
  readonly runs: number;
  /** Runs with a checkpoint. */
  readonly resumable: number;
  readonly adapters: number;
  /** The stage that was open last. */
  readonly place: string;
  /** The page's own data, stored unchanged: validate them. */
  readonly page: object;
}

/** Projects, one of them open. */
export interface ProjectsApi {
  /** The most recently changed first. */
  listProjects(): Promise<Outcome<{ readonly projects: readonly ProjectInfo[] }>>;
  /** Makes a project and opens it. @param model that it works with, whether or not that is open */
  createProject(name: string, model: ModelRef): Promise<Outcome<{ readonly project: ProjectInfo }>>;
  /**
   * Opens a project: rows, runs and imports from now on belong to it. The open data are closed, and reading is stopped.
   *
   * @param id undefined for no project: the next data set then makes one of its name
   */
  openProject(id: string | undefined): Promise<Outcome<{ readonly project?: ProjectInfo }>>;
  updateProject(
    id: string,
    change: {
      readonly name?: string;
      readonly model?: ModelRef;
      readonly place?: string;
      readonly page?: object;
    },
  ): Promise<Outcome<object>>;
  /** Hides it with everything in it; `restoreProject` restores it while a tab of Graft stays open. */
  deleteProject(id: string): Promise<Outcome<object>>;
  restoreProject(id: string): Promise<Outcome<object>>;
}
