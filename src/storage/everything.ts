/** Every record of the database, store by store: for taking all of it along, and for deleting all of it. Throws as `database` does. */
import type { StoreKey, StoreNames, StoreValue } from 'idb';
import { database, type GraftSchema } from './database.ts';
import { summaryOf } from './summaries.ts';

export type StoreName = StoreNames<GraftSchema>;

export function listKeys<Name extends StoreName>(store: Name): Promise<StoreKey<GraftSchema, Name>[]> {
  return database((db) => db.getAllKeys(store));
}

export function readRecord<Name extends StoreName>(
  store: Name,
  key: StoreKey<GraftSchema, Name>,
): Promise<StoreValue<GraftSchema, Name> | undefined> {
  return database((db) => db.get(store, key));
}

/** A record of any store; the key only where the record does not hold it itself. */
export type AnyRecord = {
  [Name in StoreName]: {
    readonly store: Name;
    readonly value: StoreValue<GraftSchema, Name>;
    readonly key?: StoreKey<GraftSchema, Name>;
  };
}[StoreName];

/** Writes records together, and the summaries of runs with them: all of them are there afterwards, or none. */
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

export function deleteEverything(): Promise<void> {
  return database(async (db) => {
    const stores = [...db.objectStoreNames];
    const transaction = db.transaction(stores, 'readwrite', { durability: 'strict' });
    await Promise.all([...stores.map((store) => transaction.objectStore(store).clear()), transaction.done]);
  });
}
