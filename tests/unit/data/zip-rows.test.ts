import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { zipSync, type Zippable } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { openBytes } from '../../../src/cli/files.ts';
import { createOutput, type Output } from '../../../src/cli/output.ts';
import { oneFile, withZippedFiles } from '../../../src/cli/zip-files.ts';
import { RowsZip } from '../../../src/data/zip-rows.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const SILENT: Output = { ...createOutput(), line: () => undefined };
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const ROW = '{"prompt":"a","completion":"b"}\n';
const blobOf = (files: Zippable): Blob => new Blob([new Uint8Array(zipSync(files))]);
const open = (files: Zippable): Promise<RowsZip> => RowsZip.open('rows.zip', blobOf(files));

/** Changes the name of a file in the directory of a zip, and its flags. */
function withFlag(zip: Uint8Array, name: string, flag: number): Blob {
  const bytes = new Uint8Array(zip);
  const text = new TextDecoder('latin1').decode(bytes);
  const at = text.lastIndexOf(name) - 46;
  new DataView(bytes.buffer).setUint16(at + 8, flag, true);
  return new Blob([bytes]);
}

describe('rows in a zip', () => {
  test('are listed by name, without what systems add, and read', async () => {
    const zip = await open({
      'b/train.jsonl': utf8(ROW),
      'a.csv': utf8('prompt,completion\na,b\n'),
      '__MACOSX/._a.csv': utf8('x'),
      '.hidden.csv': utf8('x'),
      'picture.png': utf8('x'),
    });
    expect(zip.files).toEqual([
      { path: 'a.csv', bytes: 22 },
      { path: 'b/train.jsonl', bytes: 32 },
    ]);
    expect(zip.others).toEqual(['picture.png']);
    expect(new TextDecoder().decode(await zip.read('b/train.jsonl'))).toBe(ROW);
  });

  test('are kept without a file that is broken, encrypted or leads out of its folder, which is named', async () => {
    const encrypted = zipSync({ 'good.jsonl': utf8(ROW), 'secret.jsonl': utf8('x') });
    const one = await RowsZip.open('rows.zip', withFlag(encrypted, 'secret.jsonl', 1));
    expect(one.files.map(({ path }) => path)).toEqual(['good.jsonl']);
    expect(one.refused).toEqual([{ path: 'secret.jsonl', why: 'secret.jsonl is encrypted.' }]);
    const two = await open({ '../up.jsonl': utf8(ROW), 'good.jsonl': utf8(ROW) });
    expect(two.files.map(({ path }) => path)).toEqual(['good.jsonl']);
    expect(two.refused[0].why).toContain('"../up.jsonl" is not a valid file name');
  });

  test('are kept without a file that would unpack to far more than rows do', async () => {
    const zip = await open({
      'bomb.jsonl': [new Uint8Array(65 * 2 ** 20), { level: 1 }],
      'good.jsonl': utf8(ROW),
    });
    expect(zip.files.map(({ path }) => path)).toEqual(['good.jsonl']);
    expect(zip.refused[0].why).toMatch(
      /^bomb\.jsonl would unpack from \d+ to 68157440 bytes, which rows do not\.$/,
    );
    await graftError(() => zip.read('bomb.jsonl'), 'zip-damaged');
  });

  test('are missing from a zip of other things, which says what it has', async () => {
    const { message } = await graftError(() => open({ 'a.png': utf8('x'), 'b.zip': utf8('y') }), 'data-zip');
    expect(message).toContain('a.png, b.zip');
    await graftError(() => RowsZip.open('rows.zip', new Blob(['not a zip'])), 'zip-damaged');
  });

  test('are read or refused for any change of the bytes of a zip', async () => {
    const whole = zipSync({ 'a.jsonl': utf8(ROW.repeat(20)), 'b.csv': utf8('prompt,completion\na,b\n') });
    const seen = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        async (changes) => {
          const bytes = new Uint8Array(whole);
          for (const [at, value] of changes) bytes[at] = value;
          seen[
            await resultOrGraftError(async () => {
              const zip = await RowsZip.open('rows.zip', new Blob([bytes]));
              for (const { path } of zip.files) await zip.read(path);
            })
          ]++;
        },
      ),
      { numRuns: 300 },
    );
    expect(seen.error).toBeGreaterThan(30);
    expect(seen.result).toBeGreaterThan(10);
  });
});

describe('a zip that a command names', () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'graft-zip-'));
    const write = (name: string, files: Zippable): void => writeFileSync(path(name), zipSync(files));
    write('one.zip', { 'in/rows.jsonl': utf8(ROW) });
    write('two.zip', { 'a.jsonl': utf8(ROW), 'b.jsonl': utf8(ROW) });
    write('parts.zip', { 'train.jsonl': utf8(ROW), 'test.jsonl': utf8(ROW) });
  });

  test('stands for its files, and each has a path of its own', async () => {
    expect(await oneFile(path('one.zip'), SILENT)).toBe(path('one.zip/in/rows.jsonl'));
    const bytes = await openBytes(path('one.zip/in/rows.jsonl'));
    expect(new TextDecoder().decode(bytes.subarray(0))).toBe(ROW);
    const asked = { file: path('two.zip'), more: [path('one.zip')] };
    expect(await withZippedFiles(asked, false, SILENT)).toEqual({
      file: path('two.zip/a.jsonl'),
      more: [path('two.zip/b.jsonl'), path('one.zip/in/rows.jsonl')],
    });
    await graftError(() => openBytes(path('one.zip/none.jsonl')), 'zip-missing');
    await graftError(() => openBytes(path('none.zip/none.jsonl')), 'file-missing');
  });

  test('is refused if one file is needed, or if test rows would become training rows', async () => {
    await graftError(() => oneFile(path('two.zip'), SILENT), 'data-zip-files');
    const task = { file: path('two.zip'), more: [] };
    await graftError(() => withZippedFiles(task, true, SILENT), 'data-zip-files');
    const parts = { file: path('parts.zip'), more: [] };
    const { remedy } = await graftError(() => withZippedFiles(parts, false, SILENT), 'data-zip-files');
    expect(remedy).toContain(
      `--data ${path('parts.zip/train.jsonl')} --test-data ${path('parts.zip/test.jsonl')}`,
    );
  });
});
