/**
 * The reference files beside the checkout (../shared), which not every machine has. Tests that need them warn that they are skipped.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { memorySource, type FileSet } from '../src/weights/bytes.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** A path in ../shared, seen from the repository's root. */
export function sharedPath(...parts: string[]): string {
  return join(ROOT, '..', 'shared', ...parts);
}

export const hasShared = existsSync(sharedPath('reference'));

/** `describe`, skipped with a warning where ../shared is missing. */
export function describeShared(name: string, body: () => void): void {
  if (!hasShared)
    console.warn(`SKIPPED: "${name}" needs the reference files in ${sharedPath()}, which are not there.`);
  describe.skipIf(!hasShared)(name, body);
}

export function sharedJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(sharedPath(...parts), 'utf8')) as T;
}

export function sharedJsonl<T>(...parts: string[]): T[] {
  return readFileSync(sharedPath(...parts), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** A folder of ../shared, read into memory when opened. */
export function sharedFolder(...parts: string[]): FileSet {
  const folder = sharedPath(...parts);
  return {
    name: parts[parts.length - 1],
    list: () => readdirSync(folder),
    async open(name) {
      const path = join(folder, name);
      if (!existsSync(path) || !statSync(path).isFile()) return undefined;
      return memorySource(name, new Uint8Array(readFileSync(path)));
    },
  };
}
