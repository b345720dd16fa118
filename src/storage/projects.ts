/** Projects, and what belongs to them. All functions throw as `database` does. */
import { database, type Database } from './database.ts';
import type { StoredDataSet, StoredProject } from './records.ts';

/** A project with the facts of a list. */
export interface ProjectOverview {
  readonly project: StoredProject;
  /** The data set that is open in it. */
  readonly data?: StoredDataSet;
  readonly runs: number;
  /** Runs of it with a checkpoint. */
  readonly resumable: number;
  readonly adapters: number;
}

/** Everything under [projectId, …]. An empty list sorts after every string. */
export const under = (projectId: string): IDBKeyRange => IDBKeyRange.bound([projectId], [projectId, []]);

/** The one that changed last first. Deleted ones are left out. */
export function listProjects(): Promise<ProjectOverview[]> {
  return database(async (db) => {
    const projects = (await db.getAll('projects')).filter(({ deleted }) => deleted === undefined);
    projects.sort((a, b) => b.changed - a.changed);
    const saved = new Set(await db.getAllKeys('checkpoints'));
    return Promise.all(projects.map((project) => overview(db, project, saved)));
  });
}

/** @returns undefined if there is none, or it is deleted */
export function findProject(id: string): Promise<ProjectOverview | undefined> {
  return database(async (db) => {
    const project = await db.get('projects', id);
    if (!project || project.deleted !== undefined) return undefined;
    return overview(db, project, new Set(await db.getAllKeys('checkpoints')));
  });
}

async function overview(
  db: Database,
  project: StoredProject,
  saved: ReadonlySet<string>,
): Promise<ProjectOverview> {
  const { id, data: version } = project;
  const [runs, sweeps, adapters, data] = await Promise.all([
    db.getAllKeysFromIndex('runs', 'project', id),
    db.getAllKeysFromIndex('sweeps', 'project', id),
    db.getAllFromIndex('adapters', 'project', id),
    version === undefined ? undefined : db.get('data-sets', [id, version]),
  ]);
  return {
    project,
    runs: runs.length,
    // The runs of a sweep are continued by it, and have its id before their own.
    resumable: runs.filter((run) => saved.has(run) && !sweeps.some((sweep) => run.startsWith(sweep))).length,
    adapters: adapters.filter(({ deleted, sweep }) => deleted === undefined && sweep === undefined).length,
    ...(data && { data }),
  };
}

/** @returns it as it is written: with a number after its name if another project has that */
export function putProject(project: StoredProject): Promise<StoredProject> {
  return database(async (db) => {
    const transaction = db.transaction('projects', 'readwrite');
    const written = apart(project, await transaction.store.getAll());
    await Promise.all([transaction.store.put(written), transaction.done]);
    return written;
  });
}

/** Two projects of one name could not be told apart: a later one gets a number after its name. */
export function apart(project: StoredProject, others: readonly StoredProject[]): StoredProject {
  const taken = others
    .filter(({ id, deleted }) => id !== project.id && deleted === undefined)
    .map(({ name }) => name);
  let { name } = project;
  for (let number = 2; taken.includes(name); number++) name = `${project.name} ${number}`;
  return { ...project, name };
}

export type ProjectChange = Partial<Pick<StoredProject, 'name' | 'model' | 'data' | 'place' | 'page'>>;

/** Changes a project; the date stays if only the open stage changes. Does nothing if there is no such project. */
export function changeProject(id: string, change: ProjectChange): Promise<void> {
  return rewrite(id, (project) => ({
    ...project,
    ...change,
    ...(Object.keys(change).some((key) => key !== 'place') && { changed: Date.now() }),
  }));
}

/** Hides a project and everything in it, or restores it. */
export function markProject(id: string, deleted: number | undefined): Promise<void> {
  return rewrite(id, ({ deleted: _, ...project }) => ({
    ...project,
    ...(deleted !== undefined && { deleted }),
  }));
}

function rewrite(id: string, write: (project: StoredProject) => StoredProject): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction('projects', 'readwrite');
    const others = await transaction.store.getAll();
    const project = others.find((other) => other.id === id);
    await Promise.all([project && transaction.store.put(apart(write(project), others)), transaction.done]);
  });
}

/**
 * Ids of deleted projects that could still be restored.
 *
 * @param before milliseconds since 1970: only those that were deleted earlier
 */
export function deletedProjects(before = Infinity): Promise<Set<string>> {
  return database(async (db) => {
    const projects = await db.getAll('projects');
    return new Set(
      projects.filter(({ deleted }) => deleted !== undefined && deleted < before).map(({ id }) => id),
    );
  });
}

/** Removes for good every project that was deleted before `before` (milliseconds since 1970). */
export async function purgeDeleted(before: number): Promise<void> {
  for (const id of await deletedProjects(before)) await purgeProject(id);
}

/** Removes a project for good, with its data sets, documents, runs, sweeps, checkpoints, adapters, results and feedback. */
export function purgeProject(id: string): Promise<void> {
  return database(async (db) => {
    const stores = [
      'projects',
      'data-sets',
      'data-files',
      'data-steps',
      'runs',
      'run-summaries',
      'rows',
      'checkpoints',
      'adapters',
      'adapter-files',
      'results',
      'feedback',
      'document-indexes',
      'documents',
      'document-texts',
      'document-vectors',
      'sweeps',
    ] as const;
    const transaction = db.transaction(stores, 'readwrite', { durability: 'strict' });
    const of = <Name extends (typeof stores)[number]>(
      name: Name,
    ): ReturnType<typeof transaction.objectStore<Name>> => transaction.objectStore(name);
    const [runs, sweeps, adapters] = await Promise.all([
      of('runs').index('project').getAllKeys(id),
      of('sweeps').index('project').getAllKeys(id),
      of('adapters').index('project').getAllKeys(id),
    ]);
    await Promise.all([
      ...runs.flatMap((run) => [
        of('runs').delete(run),
        of('run-summaries').delete(run),
        of('rows').delete(run),
        of('checkpoints').delete(run),
      ]),
      ...adapters.flatMap((adapter) => [of('adapters').delete(adapter), of('adapter-files').delete(adapter)]),
      ...sweeps.map((sweep) => of('sweeps').delete(sweep)),
      of('data-sets').delete(under(id)),
      of('data-files').delete(under(id)),
      of('data-steps').delete(under(id)),
      of('results').delete(under(id)),
      of('feedback').delete(under(id)),
      of('document-indexes').delete(id),
      of('documents').delete(under(id)),
      of('document-texts').delete(under(id)),
      of('document-vectors').delete(under(id)),
      of('projects').delete(id),
      transaction.done,
    ]);
  });
}
