/** Small values by name: measurements, choices. */
import { GraftError } from '../errors.ts';
import { database } from './database.ts';

/** The unchecked value of this name: validate it. @throws GraftError as `database` */
export function readSetting(name: string): Promise<unknown> {
  return database((db) => db.get('settings', name));
}

/** Does nothing if there is no such value. @throws GraftError as `database` */
export async function deleteSetting(name: string): Promise<void> {
  await database((db) => db.delete('settings', name));
}

/** Replaces the value of this name. @throws GraftError as `database` */
export async function writeSetting(name: string, value: unknown): Promise<void> {
  await database((db) => db.put('settings', value, name));
}

/** A browser without storage measures at every visit. The failure is reported where it matters: when a run is saved. */
export async function ifStorageWorks(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GraftError) return undefined;
    throw error;
  }
}
