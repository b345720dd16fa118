/** Merged weights in shards: transformers' layout, with the tensors of one file, for bases of each type. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { mergedParts } from '../../../src/export/merge.ts';
import { readPeft } from '../../../src/export/peft.ts';
import { overlaid } from '../../../src/export/overlaid.ts';
import { SHARD_INDEX, weightFiles, type WrittenTensor } from '../../../src/export/weight-files.ts';
import { readModel } from '../../../src/model/family.ts';
import { memoryFiles, memorySource, type FileSet } from '../../../src/weights/bytes.ts';
import { float32ToBfloat16, toFloat32 } from '../../../src/weights/dtypes.ts';
import { openWeights } from '../../../src/weights/folder.ts';
import { concatBytes, parseSafetensors, writeSafetensors } from '../../../src/weights/safetensors.ts';
import { sprigFolder } from '../../engine/sprig.ts';

const ADAPTER = fileURLToPath(new URL('../../reference/peft/adapter', import.meta.url));
const LIMIT = 600_000;

async function contentOf(read: () => AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of read()) chunks.push(chunk);
  return Uint8Array.from(Buffer.concat(chunks));
}

describe('the bundled model with an adapter', () => {
  let parts: readonly WrittenTensor[];
  beforeAll(async () => {
    const model = await readModel(sprigFolder());
    const adapter = await readPeft(folder(ADAPTER), model);
    parts = mergedParts(model, await openWeights(sprigFolder()), adapter);
  });

  test('is one file up to the limit', () => {
    expect(weightFiles(parts).map(({ name }) => name)).toEqual(['model.safetensors']);
  });

  test('is in shards with an index past it, which are read as the one file is', async () => {
    const files = weightFiles(parts, LIMIT);
    expect(files.length).toBeGreaterThan(4);
    const contents: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const { name, size, read } of files) {
      contents[name] = await contentOf(read);
      expect(contents[name].byteLength, name).toBe(size);
    }
    const index = JSON.parse(new TextDecoder().decode(contents[SHARD_INDEX])) as {
      metadata: { total_size: number };
      weight_map: Record<string, string>;
    };
    expect(new Set(Object.values(index.weight_map))).toEqual(new Set(files.slice(1).map(({ name }) => name)));
    const [whole] = weightFiles(parts);
    const one = await parseSafetensors(memorySource(whole.name, await contentOf(whole.read)));
    expect(index.metadata.total_size).toBe(
      [...one.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
    const shards = await openWeights(memoryFiles(contents, 'sharded'));
    for (const [name, entry] of one)
      expect(Buffer.from(await shards.get(name)!.read()).equals(await entry.read()), name).toBe(true);
  });
});

/** The bundled model with its weights in another type. */
async function sprigIn(dtype: 'F32' | 'BF16'): Promise<FileSet> {
  const source = await openWeights(sprigFolder());
  const tensors = await Promise.all(
    source.names().map(async (name) => {
      const entry = source.get(name)!;
      const values = toFloat32(await entry.read(), entry.dtype, name);
      const data = dtype === 'F32' ? values : float32ToBfloat16(values);
      return { name, dtype, shape: entry.shape, data };
    }),
  );
  const weights = concatBytes(writeSafetensors(tensors, { format: 'pt' }));
  return overlaid(sprigFolder(), memoryFiles({ 'model.safetensors': weights }));
}

test.each(['F32', 'BF16'] as const)(
  'a base in %s stays so in shards, with the numbers of one file',
  async (dtype) => {
    const base = await sprigIn(dtype);
    const model = await readModel(base);
    const parts = mergedParts(model, await openWeights(base), await readPeft(folder(ADAPTER), model));
    const contents: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const { name, read } of weightFiles(parts, 2 * LIMIT)) contents[name] = await contentOf(read);
    expect(Object.keys(contents).length).toBeGreaterThan(3);
    const shards = await openWeights(memoryFiles(contents, 'sharded'));
    expect(shards.names().sort()).toEqual(parts.map(({ name }) => name).sort());
    for (const { name, pieces } of parts) {
      const entry = shards.get(name)!;
      expect(entry.dtype).toBe(dtype);
      expect(Buffer.from(await entry.read()).equals(await contentOf(pieces)), name).toBe(true);
    }
  },
);

test('a tensor that is larger than the limit is a file of its own', () => {
  const tensor = (name: string, numbers: number): WrittenTensor => ({
    ...{ name, dtype: 'F32', shape: [numbers] },
    async *pieces() {
      yield new Uint8Array(4 * numbers);
    },
  });
  const files = weightFiles([tensor('a', 2), tensor('b', 30), tensor('c', 2), tensor('d', 1)], 12);
  expect(files.map(({ name }) => name)).toEqual([
    SHARD_INDEX,
    ...[1, 2, 3].map((at) => `model-0000${at}-of-00003.safetensors`),
  ]);
});
