import { expect, test } from 'vitest';
import { fitsZip, planWords, roomWords } from '../../../src/app/use/merge-words.ts';
import { readModel } from '../../../src/model/family.ts';
import { DirectorySink, writeFiles, type FolderSink } from '../../../src/export/folder-sink.ts';
import { prepareMerge, type Merge } from '../../../src/export/merge-folder.ts';
import { stepping } from '../../../src/worker/slices.ts';
import { sprigAdapter } from '../../browser/adapter-files.ts';
import { sprigFolder } from '../../gpu/sprig.ts';
import { graftError } from '../expect-graft-error.ts';
import { MemoryFolder } from '../storage/memory-folder.ts';

const MIB = 2 ** 20;

async function prepared(): Promise<Merge> {
  const base = sprigFolder();
  const model = await readModel(base);
  return prepareMerge({
    baseModel: 'sprig',
    base,
    model,
    adapterName: 'Käpt’n',
    adapter: await sprigAdapter(1),
  });
}

test('what will be written is known before: files, bytes, types, layers', async () => {
  const { plan } = await prepared();
  expect(plan).toMatchObject({ baseModel: 'sprig', folder: 'Kapt-n-merged', dtypes: ['F16'], layers: 12 });
  expect(plan.files.at(0)).toBe('model.safetensors');
  expect(plan.files.at(-1)).toBe('README.md');
  const written: Record<string, number> = {};
  let file = '';
  const sink: FolderSink = {
    begin: async (name) => void (written[(file = name)] = 0),
    append: async ({ byteLength }) => void (written[file] += byteLength),
    finish: async () => undefined,
    abort: async () => undefined,
  };
  await writeFiles((await prepared()).files, sink, () => undefined);
  expect(Object.values(written).reduce((sum, bytes) => sum + bytes, 0)).toBe(plan.bytes);
});

test('stopped on the way, or where the disk is full, nothing of it is left', async () => {
  const merge = await prepared();
  const root = new MemoryFolder();
  const stopping = new AbortController();
  const sink = await DirectorySink.create(root.handle, merge.plan.folder);
  const append = sink.append.bind(sink);
  sink.append = (bytes) => {
    stopping.abort();
    return append(bytes);
  };
  const stopped = stepping('merging', { onProgress: () => undefined, signal: stopping.signal });
  await graftError(() => writeFiles(merge.files, sink, stopped), 'worker-aborted');
  expect([...root.children.keys()]).toEqual([]);

  const going = (): void => undefined;
  root.disk.room = MIB;
  const full = await DirectorySink.create(root.handle, merge.plan.folder);
  const { what } = await graftError(() => writeFiles(merge.files, full, going), 'merge-write');
  expect(what).toMatch(/^model\.safetensors could not be written into disk\/Kapt-n-merged: No room/);
  expect([...root.children.keys()]).toEqual([]);
  expect(root.disk.room).toBe(MIB);

  // A folder that is there already is not written over.
  root.disk.room = Infinity;
  await root.getDirectoryHandle(merge.plan.folder, { create: true });
  const beside = await DirectorySink.create(root.handle, merge.plan.folder);
  await writeFiles(merge.files, beside, going);
  expect(beside.name).toBe('Kapt-n-merged-2');
  const written = await root.getDirectoryHandle('Kapt-n-merged-2');
  expect([...written.children.keys()]).toEqual([...merge.plan.files]);
});

test('size, type and room are told in words', () => {
  const plan = {
    baseModel: 'x',
    folder: 'x',
    files: ['a', 'b'],
    bytes: 300 * MIB,
    layers: 7,
    free: 200 * MIB,
  };
  expect(planWords({ ...plan, dtypes: ['BF16', 'F32'] })).toBe(
    'A model folder of 300 MiB in 2 files: bfloat16, and float32 for the rest, as the base has it, with the adapter added in 7 layers.',
  );
  expect(fitsZip(plan)).toBe(false);
  expect(roomWords(plan)).toMatch(/needs 300 MiB .* 200 MiB are left/);
  expect(roomWords({ ...plan, free: 400 * MIB })).toMatch(/^The browser has 400 MiB of room/);
});
