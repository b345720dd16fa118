/** The library of adapters. All functions throw as `database` does. A deleted adapter is hidden, and stays until it is purged. */
import { database, purgeAdapters } from './database.ts';
import { deletedProjects } from './projects.ts';
import type { StoredAdapter, StoredFiles } from './records.ts';

/** The newest first. Deleted ones, those of deleted projects, and those of sweeps that nobody kept are left out. */
export async function listAdapters(): Promise<StoredAdapter[]> {
  const hidden = await deletedProjects();
  const adapters = await database((db) => db.getAll('adapters'));
  return adapters
    .filter(
      ({ projectId, deleted, sweep }) =>
        deleted === undefined && sweep === undefined && !hidden.has(projectId),
    )
    .sort((a, b) => b.created - a.created);
}

/** Undefined if there is no such adapter, or if it was deleted. */
export async function findAdapter(id: string): Promise<StoredAdapter | undefined> {
  const adapter = await database((db) => db.get('adapters', id));
  return adapter?.deleted === undefined ? adapter : undefined;
}

/** Undefined if there is no such adapter, or if it was deleted. */
export async function storedAdapterFiles(id: string): Promise<StoredFiles | undefined> {
  return (await findAdapter(id)) && database((db) => db.get('adapter-files', id));
}

/** Adds an adapter. */
export function putAdapter(adapter: StoredAdapter, files: StoredFiles): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(['adapters', 'adapter-files'], 'readwrite', { durability: 'strict' });
    await Promise.all([
      transaction.objectStore('adapters').put(adapter),
      transaction.objectStore('adapter-files').put(files, adapter.id),
      transaction.done,
    ]);
  });
}

/** Changes name, note or whether it is on trial; undefined if there is no such adapter. */
export function changeAdapter(
  id: string,
  change: Partial<Pick<StoredAdapter, 'name' | 'note' | 'trial'>>,
): Promise<StoredAdapter | undefined> {
  return database(async (db) => {
    const transaction = db.transaction('adapters', 'readwrite');
    const adapter = await transaction.store.get(id);
    const changed = adapter && { ...adapter, ...change };
    await Promise.all([changed && transaction.store.put(changed), transaction.done]);
    return changed;
  });
}

/** Hides an adapter, or restores it; undefined if there is no such adapter. */
export function markAdapter(id: string, deleted: number | undefined): Promise<StoredAdapter | undefined> {
  return database(async (db) => {
    const transaction = db.transaction('adapters', 'readwrite');
    const stored = await transaction.store.get(id);
    if (!stored) return undefined;
    const { deleted: _, ...adapter } = stored;
    await Promise.all([
      transaction.store.put({ ...adapter, ...(deleted !== undefined && { deleted }) }),
      transaction.done,
    ]);
    return adapter;
  });
}

/** Removes for good every adapter that was deleted before `before` (milliseconds since 1970). */
export async function purgeDeletedAdapters(before: number): Promise<void> {
  await database((db) => purgeAdapters(db, before));
}
