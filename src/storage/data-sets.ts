/** The data sets of projects: what was imported, byte for byte. All functions throw as `database` does. */
import { database } from './database.ts';
import type { StoredDataFiles, StoredDataSet } from './records.ts';

/** The data sets of a project, the newest first. */
export async function listDataSets(projectId: string): Promise<StoredDataSet[]> {
  const sets = await database((db) =>
    // An empty list sorts after every string.
    db.getAll('data-sets', IDBKeyRange.bound([projectId], [projectId, []])),
  );
  return sets.sort((a, b) => b.created - a.created);
}

interface SavedDataSet {
  readonly set: StoredDataSet;
  readonly files: StoredDataFiles;
}

/** A version with its files; undefined if either is missing. */
export function readDataSet(projectId: string, version: string): Promise<SavedDataSet | undefined> {
  return database(async (db) => {
    const transaction = db.transaction(['data-sets', 'data-files']);
    const [set, files] = await Promise.all([
      transaction.objectStore('data-sets').get([projectId, version]),
      transaction.objectStore('data-files').get([projectId, version]),
    ]);
    return set && files && { set, files };
  });
}

/**
 * Keeps a data set as the open one of its project. An existing version keeps its time.
 *
 * @returns the data set as it is kept
 */
export function openDataSet(set: StoredDataSet, files: StoredDataFiles): Promise<StoredDataSet> {
  return database(async (db) => {
    const transaction = db.transaction(['projects', 'data-sets', 'data-files'], 'readwrite', {
      durability: 'strict',
    });
    const key: [string, string] = [set.projectId, set.version];
    const [before, project] = await Promise.all([
      transaction.objectStore('data-sets').get(key),
      transaction.objectStore('projects').get(set.projectId),
    ]);
    const kept = before ? { ...set, created: before.created } : set;
    // The same bytes under another name may be read as another format.
    const same = before?.files.join('\n') === set.files.join('\n') && before.more === set.more;
    await Promise.all([
      transaction.objectStore('data-sets').put(kept),
      same ? undefined : transaction.objectStore('data-files').put(files, key),
      project &&
        transaction.objectStore('projects').put({ ...project, data: set.version, changed: Date.now() }),
      transaction.done,
    ]);
    return kept;
  });
}

/** Deletes a version with its files, together. Does nothing if there is none. */
export function deleteDataSet(projectId: string, version: string): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(['data-sets', 'data-files', 'data-steps'], 'readwrite');
    await Promise.all([
      transaction
        .objectStore('data-steps')
        .delete(IDBKeyRange.bound([projectId, version], [projectId, version, []])),
      transaction.objectStore('data-sets').delete([projectId, version]),
      transaction.objectStore('data-files').delete([projectId, version]),
      transaction.done,
    ]);
  });
}
