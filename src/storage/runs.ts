/** Runs, their rows and their checkpoints. Each change is one transaction: all or nothing. All functions throw as `database` does. */
import { database } from './database.ts';
import { deletedProjects } from './projects.ts';
import type {
  StoredAdapter,
  StoredCheckpoint,
  StoredFiles,
  StoredProject,
  StoredRows,
  StoredRun,
  StoredSummary,
} from './records.ts';
import { summaryOf } from './summaries.ts';

/** The newest first, each with whether it has a checkpoint, without its curve. Those of deleted projects are left out. */
export async function listRuns(): Promise<{ run: StoredSummary; resumable: boolean }[]> {
  const hidden = await deletedProjects();
  return database(async (db) => {
    const transaction = db.transaction(['run-summaries', 'checkpoints']);
    const [runs, checkpoints] = await Promise.all([
      transaction.objectStore('run-summaries').getAll(),
      transaction.objectStore('checkpoints').getAllKeys(),
    ]);
    const saved = new Set(checkpoints);
    return runs
      .filter(({ projectId }) => !hidden.has(projectId))
      .sort((a, b) => b.created - a.created)
      .map((run) => ({ run, resumable: saved.has(run.id) }));
  });
}

/** A run with its curve, and whether it has a checkpoint; undefined if there is no such run. */
export function readRun(id: string): Promise<{ run: StoredRun; resumable: boolean } | undefined> {
  return database(async (db) => {
    const transaction = db.transaction(['runs', 'checkpoints']);
    const [run, checkpoint] = await Promise.all([
      transaction.objectStore('runs').get(id),
      transaction.objectStore('checkpoints').getKey(id),
    ]);
    return run && { run, resumable: checkpoint !== undefined };
  });
}

export interface ResumableRun {
  readonly run: StoredRun;
  readonly rows: StoredRows;
  readonly checkpoint: StoredCheckpoint;
}

/** Everything that a run needs to be resumed, or undefined if it cannot be. */
export function readResumableRun(id: string): Promise<ResumableRun | undefined> {
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

/** The revision of a run's checkpoint. */
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
    const transaction = db.transaction(
      ['projects', 'runs', 'run-summaries', 'rows', 'checkpoints'],
      'readwrite',
      { durability: 'strict' },
    );
    const projects = transaction.objectStore('projects');
    const project = await projects.get(run.projectId);
    await Promise.all([
      projects.put(changedBy(run, project)),
      transaction.objectStore('runs').put(run),
      transaction.objectStore('run-summaries').put(summaryOf(run)),
      rows && transaction.objectStore('rows').put(rows, run.id),
      transaction.objectStore('checkpoints').put(checkpoint, run.id),
      transaction.done,
    ]);
  });
}

/** Writes a run that has ended: its rows and its checkpoint are deleted, its adapter is added. */
export function saveEndedRun(
  run: StoredRun,
  made?: { readonly adapter: StoredAdapter; readonly files: StoredFiles },
): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(
      ['projects', 'runs', 'run-summaries', 'rows', 'checkpoints', 'adapters', 'adapter-files'],
      'readwrite',
      { durability: 'strict' },
    );
    const projects = transaction.objectStore('projects');
    const project = await projects.get(run.projectId);
    await Promise.all([
      projects.put(changedBy(run, project)),
      transaction.objectStore('rows').delete(run.id),
      transaction.objectStore('checkpoints').delete(run.id),
      transaction.objectStore('runs').put(run),
      transaction.objectStore('run-summaries').put(summaryOf(run)),
      made && transaction.objectStore('adapters').put(made.adapter),
      made && transaction.objectStore('adapter-files').put(made.files, made.adapter.id),
      transaction.done,
    ]);
  });
}

/** The project of a run that is written. A missing one, for want of room or deleted in another tab, is restored with its run. */
function changedBy(run: StoredRun, project: StoredProject | undefined): StoredProject {
  const { projectId, baseModel, bundled, dataName, created } = run;
  const changed = Date.now();
  if (project) return { ...project, changed };
  const model = { name: baseModel, bundled };
  return { id: projectId, name: dataName, created, changed, model, place: 'train', page: {} };
}

/** Changes the record of a run; its checkpoint stays. Does nothing if the run was never saved. */
export function changeRun(
  id: string,
  change: Partial<Pick<StoredRun, 'status' | 'reading' | 'forgetting'>>,
): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(['runs', 'run-summaries'], 'readwrite');
    const run = await transaction.objectStore('runs').get(id);
    const changed = run && { ...run, ...change };
    await Promise.all([
      changed && transaction.objectStore('runs').put(changed),
      changed && transaction.objectStore('run-summaries').put(summaryOf(changed)),
      transaction.done,
    ]);
  });
}

/** Deletes a run with its summary, rows and checkpoints, together. */
export function deleteRun(id: string): Promise<void> {
  const stores = ['runs', 'run-summaries', 'rows', 'checkpoints'] as const;
  return database(async (db) => {
    const transaction = db.transaction(stores, 'readwrite');
    await Promise.all([
      ...stores.map((store) => transaction.objectStore(store).delete(id)),
      transaction.done,
    ]);
  });
}
