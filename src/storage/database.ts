/** The database: its stores, its versions, and the meaning of its errors. Everything else in this room goes through `database`. */
import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from 'idb';
import { GraftError, messageOf } from '../errors.ts';
import { toProjects } from './migrations.ts';
import { summaryOf } from './summaries.ts';
import type {
  StoredAdapter,
  StoredCheckpoint,
  StoredDataFiles,
  StoredDataSet,
  StoredDocument,
  StoredDocumentIndex,
  StoredDocumentText,
  StoredDocumentVectors,
  StoredFeedback,
  StoredFiles,
  StoredProject,
  StoredResult,
  StoredRows,
  StoredRun,
  StoredStepOfData,
  StoredSummary,
  StoredSweep,
} from './records.ts';

export interface GraftSchema extends DBSchema {
  projects: { key: string; value: StoredProject };
  'data-sets': { key: [projectId: string, version: string]; value: StoredDataSet };
  /** Under the keys of `data-sets`. */
  'data-files': { key: [projectId: string, version: string]; value: StoredDataFiles };
  'data-steps': { key: [projectId: string, version: string, number: number]; value: StoredStepOfData };
  adapters: { key: string; value: StoredAdapter; indexes: { project: string } };
  /** PEFT folders, under the ids of `adapters`: kept apart, so that listing reads no tensors. */
  'adapter-files': { key: string; value: StoredFiles };
  runs: { key: string; value: StoredRun; indexes: { project: string } };
  /** The summary of each run, for lists. */
  'run-summaries': { key: string; value: StoredSummary };
  /** Under the ids of `runs`. */
  rows: { key: string; value: StoredRows };
  /** Under the ids of `runs`: at most one each. */
  checkpoints: { key: string; value: StoredCheckpoint };
  results: { key: [projectId: string, kind: StoredResult['kind']]; value: StoredResult };
  feedback: { key: [projectId: string, id: string]; value: StoredFeedback };
  'document-indexes': { key: string; value: StoredDocumentIndex };
  documents: { key: DocumentKey; value: StoredDocument };
  /** Under the keys of `documents`, both: listing reads no texts, and searching by words no vectors. */
  'document-texts': { key: DocumentKey; value: StoredDocumentText };
  'document-vectors': { key: DocumentKey; value: StoredDocumentVectors };
  sweeps: { key: string; value: StoredSweep; indexes: { project: string } };
  settings: { key: string; value: unknown };
}

type DocumentKey = [projectId: string, file: string];

export type Database = IDBPDatabase<GraftSchema>;

const NAME = 'graft';

type Upgrade = IDBPTransaction<GraftSchema, StoreNames<GraftSchema>[], 'versionchange'>;

/** Each migrates the database from the version of its index to the next. Never change a published one: add another. */
const MIGRATIONS: readonly ((db: Database, upgrade: Upgrade) => void | Promise<void>)[] = [
  (db) => {
    for (const name of ['adapters', 'runs'] as const) db.createObjectStore(name, { keyPath: 'id' });
    for (const name of ['adapter-files', 'rows', 'checkpoints', 'settings'] as const)
      db.createObjectStore(name);
  },
  async (db, upgrade) => {
    db.createObjectStore('projects', { keyPath: 'id' });
    db.createObjectStore('data-sets', { keyPath: ['projectId', 'version'] });
    db.createObjectStore('data-files');
    const [runs, adapters] = [upgrade.objectStore('runs'), upgrade.objectStore('adapters')];
    for (const store of [runs, adapters] as const) store.createIndex('project', 'projectId');
    const moved = toProjects({ runs: await runs.getAll(), adapters: await adapters.getAll() });
    if (!moved) return;
    await Promise.all([
      upgrade.objectStore('projects').put(moved.project),
      ...moved.runs.map((run) => runs.put(run)),
      ...moved.adapters.map((adapter) => adapters.put(adapter)),
    ]);
  },
  (db) => {
    db.createObjectStore('results', { keyPath: ['projectId', 'kind'] });
  },
  async (db, upgrade) => {
    const summaries = db.createObjectStore('run-summaries', { keyPath: 'id' });
    // One at a time: all curves together may be large.
    for await (const { value } of upgrade.objectStore('runs')) await summaries.put(summaryOf(value));
  },
  (db) => {
    db.createObjectStore('feedback', { keyPath: ['projectId', 'id'] });
  },
  (db) => {
    db.createObjectStore('data-steps', { keyPath: ['projectId', 'version', 'number'] });
  },
  (db) => {
    db.createObjectStore('document-indexes', { keyPath: 'projectId' });
    db.createObjectStore('documents', { keyPath: ['projectId', 'file'] });
    for (const name of ['document-texts', 'document-vectors'] as const) db.createObjectStore(name);
  },
  (db) => {
    db.createObjectStore('sweeps', { keyPath: 'id' }).createIndex('project', 'projectId');
  },
];

let connection: Promise<Database> | undefined;

function connect(): Promise<Database> {
  const opening = openDB<GraftSchema>(NAME, MIGRATIONS.length, {
    async upgrade(db, from, _to, upgrade) {
      for (const migrate of MIGRATIONS.slice(from)) await migrate(db, upgrade);
    },
    blocking(_current, _wanted, event) {
      // A newer Graft waits in another tab. The current write is finished; the next call here fails with that reason.
      (event.target as IDBDatabase).close();
      connection = undefined;
    },
    terminated() {
      connection = undefined;
    },
  });
  opening.catch(() => {
    connection = undefined;
  });
  return opening;
}

/**
 * Works on the database. Where there is no room, deleted adapters are removed, and the work is repeated.
 *
 * @param work in one transaction, so that a second time finds what the first one found
 * @throws GraftError `storage-full`, `storage-newer`, `storage-failed`
 */
export async function database<T>(work: (db: Database) => Promise<T>): Promise<T> {
  try {
    const db = await (connection ??= connect());
    try {
      return await work(db);
    } catch (error) {
      if (!isFull(error) || (await purgeAdapters(db)) === 0) throw error;
      return await work(db);
    }
  } catch (error) {
    throw storageError(error);
  }
}

const isFull = (error: unknown): boolean => error instanceof Error && error.name === 'QuotaExceededError';

/**
 * Removes deleted adapters for good.
 *
 * @param before milliseconds since 1970: only those that were deleted earlier
 * @returns how many
 */
export async function purgeAdapters(db: Database, before = Infinity): Promise<number> {
  const transaction = db.transaction(['adapters', 'adapter-files'], 'readwrite');
  const adapters = transaction.objectStore('adapters');
  const deleted = (await adapters.getAll()).filter(({ deleted: at }) => at !== undefined && at < before);
  await Promise.all([
    ...deleted.flatMap(({ id }) => [
      adapters.delete(id),
      transaction.objectStore('adapter-files').delete(id),
    ]),
    transaction.done,
  ]);
  return deleted.length;
}

/** The meaning of a database error, for people. */
export function storageError(error: unknown): unknown {
  if (error instanceof GraftError) return error;
  const name = error instanceof Error ? error.name : '';
  if (isFull(error)) {
    return new GraftError(
      'storage-full',
      'The browser has no room left for this page: nothing was written, and what was saved before is untouched.',
      'Free some disk space, or delete adapters and runs that you no longer need, then try again.',
      { cause: error },
    );
  }
  if (name === 'VersionError') {
    return new GraftError(
      'storage-newer',
      'A newer version of Graft has changed the storage since this page was loaded.',
      'Reload the page.',
      { cause: error },
    );
  }
  // Errors other than DOMException are defects, and should look like it.
  if (!(error instanceof DOMException)) return error;
  return new GraftError(
    'storage-failed',
    `The browser's storage failed: ${messageOf(error)}.`,
    'Check that the browser may keep data for this page (private windows often may not), and try again.',
    { cause: error },
  );
}
