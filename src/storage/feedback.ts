/** People's judgements of answers in projects. All functions throw as `database` does. */
import { database } from './database.ts';
import { under } from './projects.ts';
import type { StoredFeedback } from './records.ts';

/** In the order in which they were made. */
export async function listFeedback(projectId: string): Promise<StoredFeedback[]> {
  const stored = await database((db) => db.getAll('feedback', under(projectId)));
  return stored.sort((a, b) => a.time - b.time);
}

/** Writes entries of a project, and replaces those of the same id. @returns false if there is no such project */
export function putFeedback(projectId: string, entries: readonly StoredFeedback[]): Promise<boolean> {
  return database(async (db) => {
    const transaction = db.transaction(['projects', 'feedback'], 'readwrite', { durability: 'strict' });
    const projects = transaction.objectStore('projects');
    const project = await projects.get(projectId);
    await Promise.all([
      project && projects.put({ ...project, changed: Date.now() }),
      ...(project ? entries.map((entry) => transaction.objectStore('feedback').put(entry)) : []),
      transaction.done,
    ]);
    return project !== undefined;
  });
}

/** Deletes entries of a project, together. */
export function deleteFeedback(projectId: string, ids: readonly string[]): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction('feedback', 'readwrite', { durability: 'strict' });
    await Promise.all([...ids.map((id) => transaction.store.delete([projectId, id])), transaction.done]);
  });
}
