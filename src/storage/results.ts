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

/** Undefined if there is none of this kind. */
export function readResult(projectId: string, kind: StoredResult['kind']): Promise<StoredResult | undefined> {
  return database((db) => db.get('results', [projectId, kind]));
}

/**
 * Changes a result in one transaction, so that two tabs do not lose each other's changes.
 *
 * @param change gets what is stored, undefined if there is none
 * @returns what is stored then; undefined if there is no such project
 */
export function changeResult(
  projectId: string,
  kind: StoredResult['kind'],
  change: (value: object | undefined) => object,
): Promise<object | undefined> {
  return database(async (db) => {
    const transaction = db.transaction(['projects', 'results'], 'readwrite', { durability: 'strict' });
    const projects = transaction.objectStore('projects');
    const results = transaction.objectStore('results');
    const [project, before] = await Promise.all([projects.get(projectId), results.get([projectId, kind])]);
    if (!project) {
      await transaction.done;
      return undefined;
    }
    const value = change(before?.value);
    const changed = Date.now();
    await Promise.all([
      projects.put({ ...project, changed }),
      results.put({ projectId, kind, changed, value }),
      transaction.done,
    ]);
    return value;
  });
}
