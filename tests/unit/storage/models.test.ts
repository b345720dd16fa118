import { describe, expect, test } from 'vitest';
import { ModelStore } from '../../../src/storage/models.ts';
import { graftError } from '../expect-graft-error.ts';
import { MemoryFolder } from './memory-folder.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const FILES = ['config.json', 'a/weights.safetensors', '../odd name'];

function makeStore(room = Infinity): { store: ModelStore; root: MemoryFolder } {
  const root = new MemoryFolder({ room });
  return { store: new ModelStore(async () => root.handle), root };
}

async function keep(store: ModelStore, name: string): Promise<void> {
  const writer = await store.create({ name, files: FILES, resumable: false });
  await writer.append('config.json', bytes('{}'));
  await writer.append('a/weights.safetensors', bytes('first '));
  await writer.append('a/weights.safetensors', bytes('second'));
  await writer.commit({ licence: 'mit' });
}

const folders = async (root: MemoryFolder): Promise<number> =>
  (await root.getDirectoryHandle('models', { create: true })).children.size;

describe('a model', () => {
  test('exists once it is complete, with every file as it was written', async () => {
    const { store } = makeStore();
    await keep(store, 'Tiny');
    expect(await store.list()).toMatchObject([
      { name: 'Tiny', licence: 'mit', bytes: 14, files: FILES.map((name) => ({ name })) },
    ]);
    const files = await store.open('Tiny');
    expect(files.list()).toEqual(FILES);
    const weights = await files.open('a/weights.safetensors');
    expect(new TextDecoder().decode(await weights!.read(3, 9))).toBe('st sec');
    expect((await files.open('../odd name'))!.size).toBe(0);
    expect(await files.open('other')).toBeUndefined();
  });

  test('does not exist before, and its leftovers are deleted', async () => {
    const { store, root } = makeStore();
    const writer = await store.create({ name: 'Tiny', files: FILES, resumable: false });
    await writer.append('config.json', bytes('{}'));
    expect(await store.list()).toEqual([]);
    await graftError(() => store.open('Tiny'), 'model-missing');
    expect(await store.partials()).toEqual([]);
    await store.clean();
    expect(await folders(root)).toBe(0);
  });

  test('continues where it stopped if it is resumable', async () => {
    const { store } = makeStore();
    const plan = { name: 'Tiny', files: FILES, bytes: 12, source: 'hub/tiny', resumable: true };
    const writer = await store.create(plan);
    await writer.setVersion('a/weights.safetensors', 'a version with a long name');
    await writer.setVersion('a/weights.safetensors', 'v1');
    await writer.append('a/weights.safetensors', bytes('0123456789'));
    await writer.pause();
    await store.clean();
    expect(await store.partials()).toMatchObject([{ ...plan, done: 10 }]);
    const again = await store.resume('Tiny');
    expect(again!.size('a/weights.safetensors')).toBe(10);
    expect(again!.size('config.json')).toBe(0);
    expect(again!.version('a/weights.safetensors')).toBe('v1');
    expect(new TextDecoder().decode(await again!.read('a/weights.safetensors', 2, 5))).toBe('234');
    await again!.truncate('a/weights.safetensors', 4);
    await again!.append('a/weights.safetensors', bytes('x'));
    await again!.commit();
    expect(await store.partials()).toEqual([]);
    expect(await store.resume('Tiny')).toBeUndefined();
    const file = await (await store.open('Tiny')).open('a/weights.safetensors');
    expect(new TextDecoder().decode(await file!.read(0, 5))).toBe('0123x');
    expect(await store.list()).toMatchObject([{ source: 'hub/tiny' }]);
  });

  test('is deleted, aborted, and never written over', async () => {
    const { store, root } = makeStore();
    await keep(store, 'Tiny');
    await graftError(() => store.create({ name: 'Tiny', files: [], resumable: false }), 'model-exists');
    await (await store.create({ name: 'Other', files: [], resumable: true })).abort();
    expect(await folders(root)).toBe(1);
    await store.delete('Tiny');
    await store.delete('Tiny');
    expect(await folders(root)).toBe(0);
  });

  test('fails for lack of room with that reason, and its partial files can be deleted', async () => {
    const { store, root } = makeStore(400);
    const writer = await store.create({ name: 'Big', files: ['weights'], resumable: false });
    await graftError(() => writer.append('weights', new Uint8Array(1000)), 'storage-full');
    expect(writer.size('weights')).toBe(0);
    await writer.abort();
    expect(await folders(root)).toBe(0);
  });

  test('is not read if a file is truncated or its manifest is invalid', async () => {
    const { store, root } = makeStore();
    await keep(store, 'Tiny');
    const [folder] = (await root.getDirectoryHandle('models')).children.values();
    if (!(folder instanceof MemoryFolder)) throw new Error('no folder');
    (await folder.getFileHandle('1')).bytes = bytes('cut');
    const files = await store.open('Tiny');
    await graftError(() => files.open('a/weights.safetensors'), 'model-damaged');
    (await folder.getFileHandle('manifest.json')).bytes = bytes('{"name": "Tiny", "files":');
    expect(await store.list()).toEqual([]);
  });
});
