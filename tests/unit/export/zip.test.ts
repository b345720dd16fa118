import fc from 'fast-check';
import { unzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { ZipReader } from '../../../src/export/zip/reader.ts';
import { ZipWriter } from '../../../src/export/zip/writer.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const LIMIT = 2 ** 20;
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

async function write(): Promise<Blob> {
  const zip = new ZipWriter();
  await zip.text('graft.json', '{"format":"x"}');
  await zip.file('a/tensors', new Blob([new Uint8Array(5000).fill(7)]));
  await zip.file('a/empty', new Blob([]));
  await zip.text('ü/long.json', 'abc'.repeat(10_000));
  return zip.finish();
}
const bytesOf = async (blob: Blob): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await blob.arrayBuffer());

async function readAll(file: Blob): Promise<Record<string, Uint8Array>> {
  const zip = await ZipReader.open('test.zip', file);
  const files: Record<string, Uint8Array> = {};
  for (const name of zip.names) files[name] = await zip.read(name, LIMIT);
  return files;
}

describe('a zip that is written', () => {
  test('is read by others, and here, to the same bytes', async () => {
    const blob = await write();
    const theirs = unzipSync(await bytesOf(blob));
    expect(Object.keys(theirs)).toEqual(['graft.json', 'a/tensors', 'a/empty', 'ü/long.json']);
    expect(await readAll(blob)).toEqual(theirs);
    expect(blob.size).toBeLessThan(6000);
  });

  test('is read here if another program wrote it', async () => {
    const files = { 'one.txt': utf8('one'), 'folder/two.bin': new Uint8Array(3000).fill(1) };
    expect(await readAll(new Blob([zipSync(files)]))).toEqual(files);
    expect(await readAll(new Blob([zipSync(files, { level: 0 })]))).toEqual(files);
  });
});

describe('a hostile zip', () => {
  const damaged = (file: Blob): ReturnType<typeof graftError> =>
    graftError(() => readAll(file), 'zip-damaged');

  test('is refused if it has names out of its folder, or the same name twice', async () => {
    for (const name of ['../up', '/root', 'a/../b', 'a\\b', 'a\0b'])
      await damaged(new Blob([zipSync({ [name]: utf8('x') })]));
    const twice = await bytesOf(new Blob([zipSync({ aaaa: utf8('x'), bbbb: utf8('y') })]));
    const text = [...twice].map((byte) => String.fromCharCode(byte)).join('');
    await damaged(new Blob([Uint8Array.from(text.replaceAll('bbbb', 'aaaa'), (char) => char.charCodeAt(0))]));
  });

  test('is stopped if it unpacks to more than it says', async () => {
    const bytes = zipSync({ bomb: new Uint8Array(200_000) });
    const view = new DataView(bytes.buffer);
    const central = new DataView(bytes.buffer).getUint32(bytes.byteLength - 6, true);
    view.setUint32(central + 24, 1000, true);
    expect((await damaged(new Blob([bytes]))).what).toMatch(/longer than it says/);
    view.setUint32(central + 24, 4_000_000_000, true);
    expect((await damaged(new Blob([bytes]))).what).toMatch(/would unpack to 4000000000/);
  });

  test('is recognised by the checksum if its bytes were changed', async () => {
    const bytes = await bytesOf(await write());
    const at = bytes.indexOf(7);
    bytes[at + 100] = 8;
    expect((await damaged(new Blob([bytes]))).what).toMatch(/a\/tensors is not as it was packed/);
  });

  test('cut or changed anywhere ends in a GraftError or in bounded files, fast', async () => {
    const whole = await bytesOf(await write());
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.byteLength - 1), fc.nat(255)), { maxLength: 8 }),
        fc.nat(whole.byteLength),
        fc.boolean(),
        async (changes, end, cut) => {
          const bytes = whole.slice(0, cut ? end : undefined);
          for (const [at, value] of changes) if (at < bytes.byteLength) bytes[at] = value;
          await resultOrGraftError(() => readAll(new Blob([bytes])));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is not unpacked if a file is too large', async () => {
    const zip = await ZipReader.open('test.zip', await write());
    await graftError(() => zip.read('ü/long.json', 1000), 'file-too-large');
    await graftError(() => zip.read('none', 1000), 'zip-missing');
  });
});
