/** Results of projects: the latest of each kind. All functions throw as `database` does. */
import { database } from './database.ts';
import { under } from './projects.ts';
import type { StoredResult } from './records.ts';

/** The results of a project, at most one of each kind. */
export function listResults(projectId: string): Promise<StoredResult[]> {
  return database((db) => db.getAll('results', under(projectId)));
}

/** Writes results of a project, and replaces those of the same kind. @returns false if there is no such project */
export function putResults(projectId: string, results: readonly StoredResult[]): Promise<boolean> {
  return database(async (db) => {
    const transaction = db.transaction(['projects', 'results'], 'readwrite', { durability: 'strict' });
    const projects = transaction.objectStore('projects');
    const project = await projects.get(projectId);
    await Promise.all([
      project && projects.put({ ...project, changed: Date.now() }),
      ...(project ? results.map((result) => transaction.objectStore('results').put(result)) : []),
      transaction.done,
    ]);
    return project !== undefined;
  });
}
