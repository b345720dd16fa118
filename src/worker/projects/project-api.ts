/** The worker's API for projects and the data sets that they keep. */
import { GraftError } from '../../errors.ts';
import type { StoredDataFiles } from '../../storage/records.ts';
import type {
  DataFile,
  DataHistory,
  DataName,
  DataOptions,
  DataSetInfo,
  DataSummary,
  Failure,
  GraftWorker,
  OtherFiles,
  ProjectInfo,
} from '../api.ts';
import type { DataStep } from '../../data/row-changes.ts';
import type { DataSet } from '../data/data.ts';
import { revisionOf, type Histories } from '../edits/history.ts';
import { failureOf, outcome } from '../outcome.ts';
import { refOf, type Projects } from './projects.ts';
import type { Readings } from './readings.ts';
import type { Runs } from '../runs/runs.ts';
import type { Session } from '../session.ts';

type ProjectApi = Pick<
  GraftWorker,
  | 'listProjects'
  | 'createProject'
  | 'openProject'
  | 'updateProject'
  | 'deleteProject'
  | 'restoreProject'
  | 'listData'
  | 'readData'
  | 'deleteData'
>;

/** Answers the page's calls about projects and their rows. */
export function projectApi(
  projects: Projects,
  session: Session,
  runs: Runs,
  readings: Readings,
  histories: Histories,
): ProjectApi {
  /**
   * Rows belong to a project, even while they are read; the GPU and its model do not. The caller opens the next project before it awaits
   * anything.
   *
   * @throws GraftError `worker-training`
   */
  const leave = async (): Promise<void> => {
    if (runs.busy) {
      throw new GraftError(
        'worker-training',
        'A run of this project is training.',
        'Pause it first, then open the other project.',
      );
    }
    await readings.stop();
    session.data = undefined;
    session.current = undefined;
    histories.forget();
  };
  const done = (work: () => Promise<void>): ReturnType<ProjectApi['updateProject']> =>
    outcome(async () => {
      await work();
      return {};
    });

  return {
    listProjects: () => outcome(async () => ({ projects: await projects.list() })),
    createProject: (name, model) =>
      outcome(async () => {
        // Rows that are being read without a project belong to the new one.
        if (projects.id !== undefined) await leave();
        return { project: await projects.create(name, model) };
      }),
    openProject: (id) =>
      outcome(async () => {
        const project = id === undefined ? undefined : await projects.find(id);
        if (projects.id !== id) await leave();
        projects.id = id;
        return project ? { project } : {};
      }),
    updateProject: (id, change) => done(() => projects.update(id, change)),
    deleteProject: (id) =>
      done(async () => {
        await runs.leaveProject(id);
        if (projects.id === id) {
          await leave();
          projects.id = undefined;
        }
        await projects.delete(id);
      }),
    restoreProject: (id) => done(() => projects.restore(id)),
    listData: () => outcome(async () => ({ sets: await projects.listData() })),
    readData: (version) => outcome(() => projects.readData(version)),
    deleteData: (version) =>
      done(async () => {
        await projects.deleteData(version);
        histories.forget();
      }),
  };
}

interface OpenedData {
  readonly data: DataSummary;
  readonly version: string;
  readonly options: DataOptions;
  readonly history: DataHistory;
  readonly kept?: DataSetInfo;
  readonly project?: ProjectInfo;
  readonly files?: StoredDataFiles;
  readonly notKept?: Failure;
}

/** Makes rows the data of the next run, and keeps their files in the open project if there is a name to keep them under. */
export async function keepOpened(
  { data, summary }: { data: DataSet; summary: DataSummary },
  session: Session,
  projects: Projects,
  histories: Histories,
  {
    file,
    version,
    options,
    others,
    keep,
    steps,
  }: {
    file: DataFile;
    version: string;
    options: DataOptions;
    others: OtherFiles;
    keep?: DataName;
    /** New steps of its history. */
    steps: readonly DataStep[];
  },
): Promise<OpenedData> {
  const { revision } = data.options ?? options;
  const changed = revision === undefined ? {} : { revision };
  const named = { name: keep?.name ?? file.name, version, created: Date.now(), ...changed };
  session.data = { ...data, ref: named };
  const read = data.options ?? options;
  const opened = async (): Promise<OpenedData> => {
    const key = { projectId: projects.id, version };
    return { data: summary, version, options: read, history: await histories.infoOf(key, revisionOf(read)) };
  };
  try {
    const kept = keep && (await projects.keepData(keep, version, read, summary, file, others));
    await histories.keep({ projectId: projects.id, version }, steps);
    if (!keep || !kept) return await opened();
    session.data = { ...data, ref: { ...refOf(kept), ...changed } };
    const project = await projects.find(await projects.ensure(keep.name));
    const files = await projects.keptFiles(version, file, others);
    return { ...(await opened()), kept, project, ...(files && { files }) };
  } catch (error) {
    // The rows are open nevertheless: a run can train on them.
    if (!(error instanceof GraftError)) throw error;
    return { ...(await opened()), notKept: failureOf(error) };
  }
}
