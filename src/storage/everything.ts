/** Every record of the database, store by store: to export all of it or one project, and to delete all of it. Throws as `database` does. */
import type { StoreKey, StoreNames, StoreValue } from 'idb';
import { database, type GraftSchema } from './database.ts';
import { under } from './projects.ts';
import { summaryOf } from './summaries.ts';

type StoreName = StoreNames<GraftSchema>;

/** All keys of a store. */
export function listKeys<Name extends StoreName>(store: Name): Promise<StoreKey<GraftSchema, Name>[]> {
  return database((db) => db.getAllKeys(store));
}

/** The stores whose keys start with a project. */
interface ProjectKeys {
  readonly projects: readonly string[];
  readonly sets: readonly StoreKey<GraftSchema, 'data-sets'>[];
  readonly runs: readonly string[];
  readonly adapters: readonly string[];
  readonly results: readonly StoreKey<GraftSchema, 'results'>[];
  readonly feedback: readonly StoreKey<GraftSchema, 'feedback'>[];
  readonly documents: readonly StoreKey<GraftSchema, 'documents'>[];
  readonly sweeps: readonly string[];
}

/** Keys of all that is kept in projects. @param project of this one alone */
export function listProjectKeys(project?: string): Promise<ProjectKeys> {
  return database(async (db) => {
    const range = project === undefined ? undefined : under(project);
    const of = (store: 'runs' | 'adapters' | 'sweeps'): Promise<string[]> =>
      project === undefined ? db.getAllKeys(store) : db.getAllKeysFromIndex(store, 'project', project);
    const [projects, sets, runs, adapters, results, feedback, documents, sweeps] = await Promise.all([
      project === undefined ? db.getAllKeys('projects') : [project],
      db.getAllKeys('data-sets', range),
      of('runs'),
      of('adapters'),
      db.getAllKeys('results', range),
      db.getAllKeys('feedback', range),
      db.getAllKeys('documents', range),
      of('sweeps'),
    ]);
    return { projects, sets, runs, adapters, results, feedback, documents, sweeps };
  });
}

/** Undefined if the store has no such record. */
export function storedRecord<Name extends StoreName>(
  store: Name,
  key: StoreKey<GraftSchema, Name>,
): Promise<StoreValue<GraftSchema, Name> | undefined> {
  return database((db) => db.get(store, key));
}

/** A record of any store; the key only if the record does not hold it itself. */
export type AnyRecord = {
  [Name in StoreName]: {
    readonly store: Name;
    readonly value: StoreValue<GraftSchema, Name>;
    readonly key?: StoreKey<GraftSchema, Name>;
  };
}[StoreName];

/** Writes records together, and the summaries of runs with them: either all of them or none. */
export function writeRecords(given: readonly AnyRecord[]): Promise<void> {
  const summaries = given.flatMap((record): AnyRecord[] =>
    record.store === 'runs' ? [{ store: 'run-summaries', value: summaryOf(record.value) }] : [],
  );
  const records = [...given, ...summaries];
  return database(async (db) => {
    const stores = [...new Set(records.map(({ store }) => store))];
    const transaction = db.transaction(stores, 'readwrite', { durability: 'strict' });
    await Promise.all([
      ...records.map(({ store, value, key }) => transaction.objectStore(store).put(value, key)),
      transaction.done,
    ]);
  });
}

/** Where a record lies. */
export type RecordPlace = {
  [Name in StoreName]: { readonly store: Name; readonly key: StoreKey<GraftSchema, Name> };
}[StoreName];

/** Deletes records together, and the summaries of runs with them: either all of them or none. */
export function deleteRecords(given: readonly RecordPlace[]): Promise<void> {
  const places = given.flatMap((place): RecordPlace[] =>
    place.store === 'runs' ? [place, { store: 'run-summaries', key: place.key }] : [place],
  );
  return database(async (db) => {
    if (places.length === 0) return;
    const stores = [...new Set(places.map(({ store }) => store))];
    const transaction = db.transaction(stores, 'readwrite', { durability: 'strict' });
    await Promise.all([
      ...places.map(({ store, key }) => transaction.objectStore(store).delete(key)),
      transaction.done,
    ]);
  });
}

/** Clears every store: either all of them or none. */
export function deleteEverything(): Promise<void> {
  return database(async (db) => {
    const stores = [...db.objectStoreNames];
    const transaction = db.transaction(stores, 'readwrite', { durability: 'strict' });
    await Promise.all([...stores.map((store) => transaction.objectStore(store).clear()), transaction.done]);
  });
}
