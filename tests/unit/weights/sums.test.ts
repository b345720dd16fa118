/** SHA256SUMS: what sha256sum writes and checks, and a file that is not the exported one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { checkSums, parseSums, Sum, SUMS, sumsBytes, sumsText, withSums } from '../../../src/weights/sums.ts';
import { graftError } from '../expect-graft-error.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
/** FIPS 180-2, B.1. */
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

test('the checksum of pieces is that of the whole', () => {
  const sum = new Sum();
  sum.add(bytes('a'));
  sum.add(bytes('bc'));
  expect(sum.hex()).toBe(ABC);
  expect(sumsText(new Map([['x', ABC]]))).toBe(`${ABC}  x\n`);
  expect(sumsBytes(['x', 'onnx/ü'])).toBe(bytes(`${ABC}  x\n${ABC}  onnx/ü\n`).length);
});

test('sha256sum accepts the file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'graft-sums-'));
  const files = withSums({ 'a.txt': bytes('abc'), 'with space.txt': bytes('') });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  expect(execFileSync('sha256sum', ['-c', SUMS], { cwd: folder, encoding: 'utf8' })).toBe(
    'a.txt: OK\nwith space.txt: OK\n',
  );
  rmSync(folder, { recursive: true });
});

test('reads the binary mark, a leading ./ and capitals', () => {
  expect([...parseSums(`${ABC.toUpperCase()} *./a\r\n\n`, 'here')]).toEqual([['a', ABC]]);
});

test('a line of another form is named', async () => {
  const error = await graftError(() => parseSums(`${ABC}  a\nabc  b\n`, 'folder/SHA256SUMS'), 'sums-form');
  expect(error.what).toBe('Line 2 of folder/SHA256SUMS is not a checksum and a name.');
});

test('a changed file is refused by its name, and one that is not listed or not there is not', async () => {
  const files = withSums({ a: bytes('abc'), b: bytes('b') });
  await checkSums(memoryFiles(files, 'mine'), ['a', 'b', 'c']);
  const changed = memoryFiles({ ...files, b: bytes('B'), c: bytes('c') }, 'mine');
  await checkSums(changed, ['a', 'c', 'd']);
  const error = await graftError(() => checkSums(changed, ['a', 'b']), 'sums-changed');
  expect(error.what).toContain('mine/b is not the file that was exported');
  await checkSums(memoryFiles({ b: bytes('B') }, 'mine'), ['b']);
});
