/** Sweeps, with their runs and the adapters of these. All functions throw as `database` does. */
import { database } from './database.ts';
import { deletedProjects } from './projects.ts';
import type { StoredAdapter, StoredSweep } from './records.ts';

/** The newest first. Those of deleted projects are left out. */
export async function listSweeps(): Promise<StoredSweep[]> {
  const hidden = await deletedProjects();
  const sweeps = await database((db) => db.getAll('sweeps'));
  return sweeps.filter(({ projectId }) => !hidden.has(projectId)).sort((a, b) => b.created - a.created);
}

/** Undefined if there is no such sweep. */
export function findSweep(id: string): Promise<StoredSweep | undefined> {
  return database((db) => db.get('sweeps', id));
}

/** Writes a sweep, new or changed. */
export function putSweep(sweep: StoredSweep): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction('sweeps', 'readwrite', { durability: 'strict' });
    await Promise.all([transaction.store.put(sweep), transaction.done]);
  });
}

/** The runs of a sweep that have an adapter: one that nobody kept, or one in the library. */
export async function adaptersOfSweep({
  id,
  projectId,
}: StoredSweep): Promise<{ readonly swept: ReadonlySet<string>; readonly kept: ReadonlySet<string> }> {
  const adapters = await database((db) => db.getAllFromIndex('adapters', 'project', projectId));
  const runsOf = (isWanted: (adapter: StoredAdapter) => boolean): ReadonlySet<string> =>
    new Set(adapters.filter(isWanted).flatMap(({ runId }) => (runId?.startsWith(id) ? [runId] : [])));
  return {
    swept: runsOf(({ sweep }) => sweep !== undefined),
    kept: runsOf(({ sweep, deleted }) => sweep === undefined && deleted === undefined),
  };
}

/** The id of the adapter that a run made; undefined if there is none. */
export async function adapterOfRun(projectId: string, runId: string): Promise<string | undefined> {
  const adapters = await database((db) => db.getAllFromIndex('adapters', 'project', projectId));
  return adapters.find((adapter) => adapter.runId === runId && adapter.deleted === undefined)?.id;
}

/** Puts an adapter of a sweep into the library; undefined if there is none of this run. */
export function keepAdapterOfRun(projectId: string, runId: string): Promise<StoredAdapter | undefined> {
  return database(async (db) => {
    const transaction = db.transaction('adapters', 'readwrite');
    const found = (await transaction.store.index('project').getAll(projectId)).find(
      (adapter) => adapter.runId === runId && adapter.deleted === undefined,
    );
    if (!found) {
      await transaction.done;
      return undefined;
    }
    const { sweep: _, ...kept } = found;
    await Promise.all([transaction.store.put(kept), transaction.done]);
    return kept;
  });
}

/** Deletes a sweep with its runs and the adapters of it that nobody kept, together. */
export function deleteSweep({ id, projectId }: StoredSweep): Promise<void> {
  return database(async (db) => {
    const ofRuns = ['runs', 'run-summaries', 'rows', 'checkpoints'] as const;
    const stores = [...ofRuns, 'adapters', 'adapter-files', 'sweeps'] as const;
    const transaction = db.transaction(stores, 'readwrite', { durability: 'strict' });
    const [summaries, adapters] = await Promise.all([
      transaction.objectStore('run-summaries').getAll(),
      transaction.objectStore('adapters').index('project').getAll(projectId),
    ]);
    await Promise.all([
      ...summaries
        .filter(({ sweep }) => sweep === id)
        .flatMap((run) => ofRuns.map((store) => transaction.objectStore(store).delete(run.id))),
      ...adapters
        .filter(({ sweep }) => sweep === id)
        .flatMap((adapter) => [
          transaction.objectStore('adapters').delete(adapter.id),
          transaction.objectStore('adapter-files').delete(adapter.id),
        ]),
      transaction.objectStore('sweeps').delete(id),
      transaction.done,
    ]);
  });
}

/** Ends a run of a sweep without a result: its curve stays, and what it would continue from goes. */
export function dropRun(runId: string): Promise<void> {
  return database(async (db) => {
    const stores = ['runs', 'run-summaries', 'rows', 'checkpoints'] as const;
    const transaction = db.transaction(stores, 'readwrite');
    const [run, summary] = await Promise.all([
      transaction.objectStore('runs').get(runId),
      transaction.objectStore('run-summaries').get(runId),
    ]);
    await Promise.all([
      run && transaction.objectStore('runs').put({ ...run, status: 'cancelled' }),
      summary && transaction.objectStore('run-summaries').put({ ...summary, status: 'cancelled' }),
      transaction.objectStore('rows').delete(runId),
      transaction.objectStore('checkpoints').delete(runId),
      transaction.done,
    ]);
  });
}
