import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFileHash } from '../../../src/cli/file-hash.ts';
import { openBytes } from '../../../src/cli/files.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'graft-hash-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A file of a line and zeros, which take no room on the disk. */
function sparse(zeros: number): string {
  const path = join(root, 'rows.jsonl');
  writeFileSync(path, 'rows\n');
  truncateSync(path, 5 + zeros);
  return path;
}

describe('the hash of a file that is read meanwhile', () => {
  it('is the one of sha256sum', async () => {
    const hash = startFileHash(await openBytes(sparse(2 ** 26)));
    // (printf 'rows\n'; head -c $((2**26)) /dev/zero) | sha256sum
    expect(await hash?.()).toBe('f86dae97cc1fb549323db24e6656031553f1654dee4e0450b222b0ebcc9a67bc');
  });

  it('is left to whoever reads the file, if that is small or became shorter', async () => {
    expect(startFileHash(await openBytes(sparse(100)))).toBeUndefined();
    const path = sparse(2 ** 26);
    const bytes = await openBytes(path);
    truncateSync(path, 5);
    const hash = startFileHash(bytes);
    expect(hash).toBeDefined();
    expect(await hash?.()).toBeUndefined();
  });
});
