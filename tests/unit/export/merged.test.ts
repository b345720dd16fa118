import { expect, test } from 'vitest';
import { fitsZip, planWords, roomWords } from '../../../src/app/use/export-words.ts';
import { readModel } from '../../../src/model/family.ts';
import { DirectorySink, writeFiles, writtenOf, type FolderSink } from '../../../src/export/folder-sink.ts';
import type { PreparedExport } from '../../../src/export/formats/format.ts';
import { merged, typeWords } from '../../../src/export/formats/merged.ts';
import { SUMS } from '../../../src/weights/sums.ts';
import { stepping } from '../../../src/worker/slices.ts';
import { sprigAdapter } from '../../browser/adapter-files.ts';
import { sprigFolder } from '../../engine/sprig.ts';
import { graftError } from '../expect-graft-error.ts';
import { MemoryFolder } from '../storage/memory-folder.ts';

const MIB = 2 ** 20;

async function prepared(): Promise<PreparedExport> {
  const base = sprigFolder();
  const model = await readModel(base);
  return merged.prepare({
    baseModel: 'sprig',
    base,
    model,
    adapterName: 'Käpt’n',
    adapter: await sprigAdapter(1),
  });
}

test('the result is known in advance: files, bytes, types, layers', async () => {
  const { folder, files, summary } = await prepared();
  expect(folder).toBe('Kapt-n-merged');
  expect(summary).toBe('float16, as the base has it, with the adapter added in 12 layers.');
  expect(files.at(0)!.name).toBe('model.safetensors');
  expect(files.at(-1)!.name).toBe('README.md');
  const written: Record<string, number> = {};
  let file = '';
  const sink: FolderSink = {
    begin: async (name) => void (written[(file = name)] = 0),
    append: async ({ byteLength }) => void (written[file] += byteLength),
    finish: async () => undefined,
    abort: async () => undefined,
  };
  await writeFiles(files, sink, () => undefined);
  const { [SUMS]: _, ...given } = written;
  expect(given).toEqual(Object.fromEntries(files.map(({ name, size }) => [name, size])));
  const { names, bytes } = writtenOf(files);
  expect(Object.keys(written)).toEqual(names);
  expect(Object.values(written).reduce((sum, size) => sum + size, 0)).toBe(bytes);
});

test('nothing is left if it is stopped, or the disk is full', async () => {
  const merge = await prepared();
  const root = new MemoryFolder();
  const stopping = new AbortController();
  const sink = await DirectorySink.create(root.handle, merge.folder);
  const append = sink.append.bind(sink);
  sink.append = (bytes) => {
    stopping.abort();
    return append(bytes);
  };
  const stopped = stepping('exporting', { onProgress: () => undefined, signal: stopping.signal });
  await graftError(() => writeFiles(merge.files, sink, stopped), 'worker-aborted');
  expect([...root.children.keys()]).toEqual([]);

  const going = (): void => undefined;
  root.disk.room = MIB;
  const full = await DirectorySink.create(root.handle, merge.folder);
  const { what } = await graftError(() => writeFiles(merge.files, full, going), 'export-write');
  expect(what).toMatch(/^model\.safetensors could not be written into disk\/Kapt-n-merged: No room/);
  expect([...root.children.keys()]).toEqual([]);
  expect(root.disk.room).toBe(MIB);

  // A folder that is there already is not written over.
  root.disk.room = Infinity;
  await root.getDirectoryHandle(merge.folder, { create: true });
  const beside = await DirectorySink.create(root.handle, merge.folder);
  await writeFiles(merge.files, beside, going);
  expect(beside.name).toBe('Kapt-n-merged-2');
  const written = await root.getDirectoryHandle('Kapt-n-merged-2');
  expect([...written.children.keys()]).toEqual([...merge.files.map(({ name }) => name), SUMS]);
});

test('a quantised base is mentioned', async () => {
  const base = sprigFolder();
  const { summary } = await merged.prepare({
    ...{ baseModel: 'sprig', base, model: await readModel(base), adapterName: 'a' },
    adapter: await sprigAdapter(1),
    baseWeights: { matrices: 'q8_0' },
  });
  expect(summary).toMatch(/in 12 layers\. The adapter was trained on quantised base weights: /);
});

test('size, type and free space are put in words', () => {
  expect(typeWords(['BF16', 'F32'])).toBe('bfloat16, and float32 for the rest');
  const plan = { folder: 'x', files: ['a', 'b'], bytes: 300 * MIB, free: 200 * MIB, summary: 'two halves.' };
  expect(planWords(plan)).toBe('A folder of 300 MiB in 2 files: two halves.');
  expect(fitsZip(plan)).toBe(false);
  expect(roomWords(plan)).toMatch(/needs 300 MiB .* 200 MiB are left/);
  expect(roomWords({ ...plan, free: 400 * MIB })).toMatch(/^The browser has 400 MiB of room/);
});
