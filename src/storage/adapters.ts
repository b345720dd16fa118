/** The library of adapters. All functions throw as `database` does. */
import { database } from './database.ts';
import { deletedProjects } from './projects.ts';
import type { StoredAdapter, StoredFiles } from './records.ts';

/** The newest first. Those of deleted projects are left out. */
export async function listAdapters(): Promise<StoredAdapter[]> {
  const hidden = await deletedProjects();
  const adapters = await database((db) => db.getAll('adapters'));
  return adapters.filter(({ projectId }) => !hidden.has(projectId)).sort((a, b) => b.created - a.created);
}

export function findAdapter(id: string): Promise<StoredAdapter | undefined> {
  return database((db) => db.get('adapters', id));
}

export function adapterFiles(id: string): Promise<StoredFiles | undefined> {
  return database((db) => db.get('adapter-files', id));
}

/** Adds an adapter, or brings one back. */
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

/** Changes name or note; undefined if there is no such adapter. */
export function changeAdapter(
  id: string,
  change: Partial<Pick<StoredAdapter, 'name' | 'note'>>,
): Promise<StoredAdapter | undefined> {
  return database(async (db) => {
    const transaction = db.transaction('adapters', 'readwrite');
    const adapter = await transaction.store.get(id);
    const changed = adapter && { ...adapter, ...change };
    await Promise.all([changed && transaction.store.put(changed), transaction.done]);
    return changed;
  });
}

/** Takes an adapter out, and returns what was taken; undefined if there is no such adapter. */
export function takeAdapter(id: string): Promise<{ adapter: StoredAdapter; files: StoredFiles } | undefined> {
  return database(async (db) => {
    const transaction = db.transaction(['adapters', 'adapter-files'], 'readwrite');
    const adapter = await transaction.objectStore('adapters').get(id);
    const files = await transaction.objectStore('adapter-files').get(id);
    await Promise.all([
      transaction.objectStore('adapters').delete(id),
      transaction.objectStore('adapter-files').delete(id),
      transaction.done,
    ]);
    return adapter && files && { adapter, files };
  });
}
