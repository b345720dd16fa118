import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { AdapterZip, isZip, packZip, type Step } from '../../../src/export/adapter-zip.ts';
import { fileNameOf } from '../../../src/export/folder-sink.ts';
import type { FileSet } from '../../../src/weights/bytes.ts';

const LIMITS = { 'adapter_config.json': 1000, 'README.md': 1000, 'adapter_model.safetensors': 1 << 20 };
const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
const files = {
  'adapter_config.json': text('{"r": 4}'),
  'adapter_model.safetensors': Uint8Array.from({ length: 5000 }, (_, i) => i * 7),
  'README.md': text('# An adapter'),
};

const unpack = async (bytes: Uint8Array<ArrayBuffer> | Blob, step?: Step): Promise<FileSet> => {
  const [zip] = await AdapterZip.open('a.zip', new Blob([bytes]), 'adapter_config.json');
  return zip.unpack(LIMITS, step);
};

async function read(folder: FileSet, name: string): Promise<Uint8Array | undefined> {
  const source = await folder.open(name);
  return source?.read(0, source.size);
}

test('a folder comes back as it was packed', async () => {
  const packed = await packZip('captain', files);
  expect(await isZip(packed)).toBe(true);
  expect(await isZip(new Blob([files['adapter_config.json']]))).toBe(false);
  const folder = await unpack(packed);
  for (const [name, bytes] of Object.entries(files)) expect(await read(folder, name)).toEqual(bytes);
});

test('the adapter is found at any depth, and nothing but its own files is unpacked', async () => {
  const folder = await unpack(
    zipSync({
      'run/checkpoint/deep/adapter_config.json': text('{"r": 1}'),
      'run/best/adapter_config.json': files['adapter_config.json'],
      'run/best/adapter_model.safetensors': files['adapter_model.safetensors'],
      'run/best/optimizer.pt': new Uint8Array(10),
      'adapter_model.safetensors': text('elsewhere'),
    }),
  );
  expect(folder.list().sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  expect(await read(folder, 'adapter_config.json')).toEqual(files['adapter_config.json']);
});

test('a zip without an adapter, or a damaged one, is refused by name', async () => {
  await expect(unpack(zipSync({ 'model.bin': new Uint8Array(4) }))).rejects.toMatchObject({
    code: 'zip-missing',
  });
  const packed = await packZip('captain', files);
  await expect(unpack(packed.slice(0, packed.size - 40))).rejects.toMatchObject({ code: 'zip-damaged' });
  await expect(unpack(text('PK\u0003\u0004 and nothing else'))).rejects.toMatchObject({
    code: 'zip-damaged',
  });
});

test('both directions report progress in bytes, and can be stopped', async () => {
  const told: [number, number][] = [];
  const packed = await packZip('captain', files, (...step) => void told.push(step));
  const total = Object.values(files).reduce((sum, { length }) => sum + length, 0);
  expect(told.at(-1)).toEqual([total, total]);
  expect(told.map(([done]) => done)).toEqual([...told.map(([done]) => done)].sort((a, b) => a - b));
  told.length = 0;
  await unpack(packed, (...step) => void told.push(step));
  expect(told.at(-1)).toEqual([total, total]);

  const stop = (): never => {
    throw new Error('stopped');
  };
  await expect(packZip('captain', files, stop)).rejects.toThrow('stopped');
  await expect(unpack(packed, stop)).rejects.toThrow('stopped');
});

test('a zip with a name that leads out of it is refused', async () => {
  const zip = zipSync({
    'adapter_config.json': files['adapter_config.json'],
    '../../adapter_model.safetensors': text('elsewhere'),
  });
  await expect(unpack(zip)).rejects.toMatchObject({ code: 'zip-damaged' });
});

test('a bomb is refused before it is unpacked', async () => {
  const bomb = zipSync({
    'adapter_config.json': text('{}'),
    'adapter_model.safetensors': [new Uint8Array(4 << 20), { level: 9 }],
  });
  expect(bomb.length).toBeLessThan(20_000);
  await expect(unpack(bomb)).rejects.toMatchObject({ code: 'file-too-large' });

  // The central directory says two gigabytes of a few bytes.
  const liar = zipSync({
    'adapter_config.json': text('{}'),
    'README.md': [new Uint8Array(900), { level: 9 }],
  });
  const view = new DataView(liar.buffer);
  for (let at = 0; at + 4 < liar.length; at++)
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 0x7fffffff, true);
  await expect(unpack(liar)).rejects.toMatchObject({ code: 'zip-damaged' });

  // The directory says a hundred bytes of what unpacks to a megabyte: no more than that is kept.
  const understated = zipSync({
    'adapter_config.json': text('{}'),
    'adapter_model.safetensors': [new Uint8Array(1 << 20), { level: 9 }],
  });
  const sizes = new DataView(understated.buffer);
  for (let at = 0; at + 28 < understated.length; at++)
    if (sizes.getUint32(at, true) === 0x02014b50 && sizes.getUint32(at + 24, true) === 1 << 20)
      sizes.setUint32(at + 24, 100, true);
  await expect(unpack(understated)).rejects.toMatchObject({ code: 'zip-damaged' });
});

test('file names are plain', () => {
  expect(fileNameOf('Käpt’n / Blaubär')).toBe('Kapt-n-Blaubar');
  expect(fileNameOf('../../etc')).toBe('etc');
  expect(fileNameOf('船長')).toBe('adapter');
});

test('finds every adapter of a zip, the nearest to the top first', async () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const bytes = zipSync({
    'b/deep/adapter_config.json': text('{"r": 2}'),
    'a/adapter_config.json': text('{"r": 1}'),
    'a/README.md': text('adapter_config.json'),
  });
  const found = await AdapterZip.open('a.zip', new Blob([Uint8Array.from(bytes)]), 'adapter_config.json');
  expect(found.map(({ folder }) => folder)).toEqual(['a/', 'b/deep/']);
  const texts = await Promise.all(
    found.map(async (zip) => {
      const source = await (await zip.unpack({ 'adapter_config.json': 100 })).open('adapter_config.json');
      return new TextDecoder().decode(await source!.read(0, source!.size));
    }),
  );
  expect(texts).toEqual(['{"r": 1}', '{"r": 2}']);
});
