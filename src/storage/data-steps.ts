/** The history of a data set: one record a step. All functions throw as `database` does. */
import { database } from './database.ts';
import type { StoredStepOfData } from './records.ts';

/** The steps of a version of the files, in no order. */
export function listDataSteps(projectId: string, version: string): Promise<StoredStepOfData[]> {
  return database((db) =>
    // An empty list sorts after every number.
    db.getAll('data-steps', IDBKeyRange.bound([projectId, version], [projectId, version, []])),
  );
}

/** The largest number of a step of a version of the files; 0 without steps. */
export async function lastDataStep(projectId: string, version: string): Promise<number> {
  const keys = await database((db) =>
    db.getAllKeys('data-steps', IDBKeyRange.bound([projectId, version], [projectId, version, []])),
  );
  return Math.max(0, ...keys.map(([, , number]) => number));
}

/**
 * Keeps steps, and the options of the data set after them, together.
 *
 * @param set with its new options; left out if they are kept elsewhere
 */
export function keepDataSteps(
  steps: readonly StoredStepOfData[],
  set?: {
    readonly projectId: string;
    readonly version: string;
    readonly options: object;
    readonly rows: number;
  },
): Promise<void> {
  return database(async (db) => {
    const transaction = db.transaction(['projects', 'data-sets', 'data-steps'], 'readwrite', {
      durability: 'strict',
    });
    const [sets, projects] = [transaction.objectStore('data-sets'), transaction.objectStore('projects')];
    const kept = set && (await sets.get([set.projectId, set.version]));
    const project = set && (await projects.get(set.projectId));
    await Promise.all([
      ...steps.map((step) => transaction.objectStore('data-steps').put(step)),
      kept && sets.put({ ...kept, options: set.options, rows: set.rows }),
      project && projects.put({ ...project, changed: Date.now() }),
      transaction.done,
    ]);
  });
}
