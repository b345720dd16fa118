/** Small values by name: measurements, choices. */
import { database } from './database.ts';

/** Whatever is kept under this name: validate it. */
export function readSetting(name: string): Promise<unknown> {
  return database((db) => db.get('settings', name));
}

/** Nothing happens if nothing is kept under this name. */
export async function deleteSetting(name: string): Promise<void> {
  await database((db) => db.delete('settings', name));
}

export async function writeSetting(name: string, value: unknown): Promise<void> {
  await database((db) => db.put('settings', value, name));
}
