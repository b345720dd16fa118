/** Runs, their rows and their checkpoints. Each change is one transaction: all of it is there afterwards, or nothing. */
import { database } from './database.ts';
import { deletedProjects } from './projects.ts';
import type {
  StoredAdapter,
  StoredCheckpoint,
  StoredFiles,
  StoredProject,
  StoredRows,
  StoredRun,
} from './records.ts';

/** The newest first, each with whether it has a checkpoint. Those of deleted projects are left out. */
export async function listRuns(): Promise<{ run: StoredRun; resumable: boolean }[]> {
  const hidden = await deletedProjects();
  return database(async (db) => {
    const transaction = db.transaction(['runs', 'checkpoints']);
    const [runs, checkpoints] = await Promise.all([
      transaction.objectStore('runs').getAll(),
      transaction.objectStore('checkpoints').getAllKeys(),
    ]);
    const saved = new Set(checkpoints);
    return runs
      .filter(({ projectId }) => !hidden.has(projectId))
      .sort((a, b) => b.created - a.created)
      .map((run) => ({ run, resumable: saved.has(run.id) }));
  });
}

export interface SavedRun {
  readonly run: StoredRun;
  readonly rows: StoredRows;
  readonly checkpoint: StoredCheckpoint;
}

/** Everything that a run needs to go on, or undefined if it cannot. */
export function readSavedRun(id: string): Promise<SavedRun | undefined> {
  return database(async (db) => {
    const transaction = db.transaction(['runs', 'rows', 'checkpoints']);
    const [run, rows, checkpoint] = await Promise.all([
      transaction.objectStore('runs').get(id),
      transaction.objectStore('rows').get(id),
      transaction.objectStore('checkpoints').get(id),
    ]);
    return run && rows && checkpoint && { run, rows, checkpoint };
  });
}

/** Which checkpoint a run has. */
export async function checkpointRevision(id: string): Promise<string | undefined> {
  return (await database((db) => db.get('checkpoints', id)))?.revision;
}

/**
 * Writes a checkpoint and the run as it stood then.
 *
 * @param rows with the first checkpoint only
 */
export function saveCheckpoint(
  run: StoredRun,
  checkpoint: StoredCheckpoint,
  rows: StoredRows | undefined,
): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(['projects', 'runs', 'rows', 'checkpoints'], 'readwrite', {
      durability: 'strict',
    });
    const projects = transaction.objectStore('projects');
    const project = await projects.get(run.projectId);
    await Promise.all([
      projects.put(changedBy(run, project)),
      transaction.objectStore('runs').put(run),
      rows && transaction.objectStore('rows').put(rows, run.id),
      transaction.objectStore('checkpoints').put(checkpoint, run.id),
      transaction.done,
    ]);
  });
}

/** Writes a run that has ended: its rows and its checkpoint go, the adapter that it made comes. */
export function saveEndedRun(
  run: StoredRun,
  made?: { readonly adapter: StoredAdapter; readonly files: StoredFiles },
): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(
      ['projects', 'runs', 'rows', 'checkpoints', 'adapters', 'adapter-files'],
      'readwrite',
      {
        durability: 'strict',
      },
    );
    const projects = transaction.objectStore('projects');
    const project = await projects.get(run.projectId);
    await Promise.all([
      projects.put(changedBy(run, project)),
      transaction.objectStore('rows').delete(run.id),
      transaction.objectStore('checkpoints').delete(run.id),
      transaction.objectStore('runs').put(run),
      made && transaction.objectStore('adapters').put(made.adapter),
      made && transaction.objectStore('adapter-files').put(made.files, made.adapter.id),
      transaction.done,
    ]);
  });
}

/** The project of a run that is written. One that is missing, for want of room or deleted in another tab, is back with its run. */
function changedBy(run: StoredRun, project: StoredProject | undefined): StoredProject {
  const { projectId, baseModel, bundled, dataName, created } = run;
  const changed = Date.now();
  if (project) return { ...project, changed };
  const model = { name: baseModel, bundled };
  return { id: projectId, name: dataName, created, changed, model, place: 'train', page: {} };
}

/** Says that a run failed or ended where its checkpoint was, which stays. Nothing happens if the run was never saved. */
export function markRun(id: string, status: StoredRun['status']): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction('runs', 'readwrite');
    const run = await transaction.store.get(id);
    await Promise.all([run && transaction.store.put({ ...run, status }), transaction.done]);
  });
}

export function deleteRun(id: string): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(['runs', 'rows', 'checkpoints'], 'readwrite');
    await Promise.all([
      transaction.objectStore('runs').delete(id),
      transaction.objectStore('rows').delete(id),
      transaction.objectStore('checkpoints').delete(id),
      transaction.done,
    ]);
  });
}
