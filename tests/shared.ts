/**
 * The reference files next to the checkout (../shared), which not every machine has. A test that needs them has `(../shared)` in its title:
 * `npm run test:shared` runs those. Without the files they warn and are skipped, and nothing of them is read, also not to list the tests.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test, type TestFunction } from 'vitest';
import { memorySource, type FileSet } from '../src/weights/bytes.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** A path in ../shared, seen from the repository's root. */
export function sharedPath(...parts: string[]): string {
  return join(ROOT, '..', 'shared', ...parts);
}

export const hasShared = existsSync(sharedPath('reference'));

/** What `npm run test:shared` looks for in titles. */
const MARK = '(../shared)';

function warn(title: string): void {
  console.warn(`SKIPPED: "${title}" needs the reference files in ${sharedPath()}, which are not there.`);
}

/** `describe`, skipped with a warning if ../shared is missing. Then `body`, which may read the files to list its tests, is not called. */
export function describeShared(name: string, body: () => void): void {
  const title = `${name} ${MARK}`;
  if (hasShared) {
    describe(title, body);
    return;
  }
  warn(title);
  describe.skip(title, () => test('is compared with the reference files', () => undefined));
}

/** `test`, skipped with a warning if ../shared, or anything else that it needs, is missing. */
export function testShared(name: string, body: TestFunction, { skip = false } = {}): void {
  const title = `${name} ${MARK}`;
  if (!hasShared) warn(title);
  test.skipIf(!hasShared || skip)(title, body);
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
