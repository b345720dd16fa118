import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  blobSource,
  memoryFiles,
  memorySource,
  readJson,
  type ByteSource,
} from '../../../src/weights/bytes.ts';
import { DTYPE_BYTES, toFloat32, type Dtype } from '../../../src/weights/dtypes.ts';
import { openWeights } from '../../../src/weights/folder.ts';
import {
  concatBytes,
  openSafetensors,
  parseSafetensors,
  writeSafetensors,
} from '../../../src/weights/safetensors.ts';
import { describeShared, sharedFolder, sharedPath } from '../../shared.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

/** A file from a header as text and its data. */
function file(header: string, data = 0): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const parse = (bytes: Uint8Array<ArrayBuffer>): Promise<unknown> =>
  parseSafetensors(memorySource('m.safetensors', bytes));

/** Fails the test if more than its size is ever asked for. */
function bounded(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  const source = memorySource('m.safetensors', bytes);
  return {
    ...source,
    read(start, end) {
      if (end - start > bytes.length)
        throw new Error(`read of ${end - start} bytes from a file of ${bytes.length}`);
      return source.read(start, end);
    },
  };
}

describe('safetensors', () => {
  it('writes what it reads', async () => {
    const chunks = writeSafetensors(
      [
        { name: '10', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
        { name: '2', dtype: 'U8', shape: [3], data: Uint8Array.of(7, 8, 9) },
        { name: 'scalar', dtype: 'I64', shape: [], data: BigInt64Array.of(-1n) },
        { name: 'none', dtype: 'F16', shape: [0, 5], data: new Uint16Array(0) },
      ],
      { format: 'pt' },
    );
    expect(chunks[0].byteLength % 8).toBe(0);
    const bytes = concatBytes(chunks);
    for (const source of [memorySource('m', bytes), blobSource('m', new Blob([bytes]))]) {
      const { tensors, metadata } = await openSafetensors(source);
      expect([...tensors.keys()].sort()).toEqual(['10', '2', 'none', 'scalar']);
      expect([...metadata]).toEqual([['format', 'pt']]);
      const first = tensors.get('10');
      expect(first).toMatchObject({ dtype: 'F32', shape: [2, 2], byteLength: 16, file: 'm' });
      expect([...toFloat32(await first!.read(), 'F32')]).toEqual([1, 2, 3, 4]);
      expect([...toFloat32(await first!.readRange(4, 12), 'F32')]).toEqual([2, 3]);
      expect([...(await tensors.get('2')!.read())]).toEqual([7, 8, 9]);
      expect((await tensors.get('none')!.read()).byteLength).toBe(0);
      await graftError(() => first!.readRange(4, 20), 'bytes-range');
    }
    // Tensors' own memory, not copies.
    const data = new Float32Array(4);
    expect(writeSafetensors([{ name: 'a', dtype: 'F32', shape: [4], data }])[1].buffer).toBe(data.buffer);
    expect(() => writeSafetensors([{ name: 'a', dtype: 'F32', shape: [5], data }])).toThrow(RangeError);
  });

  it.each<[string, Uint8Array<ArrayBuffer>, string]>([
    ['too short', new Uint8Array(7), 'safetensors'],
    ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 123, 125), 'safetensors'],
    [
      'a header of 90 MB in 10 bytes',
      Uint8Array.of(0, 0x4a, 0x5d, 0x05, 0, 0, 0, 0, 123, 125),
      'safetensors',
    ],
    ['no JSON', file('{"a":'), 'json-syntax'],
    ['a list', file('[]'), 'safetensors'],
    [
      'no UTF-8',
      (() => {
        const f = file('{"ab":1}');
        f[10] = 0xff;
        return f;
      })(),
      'json-encoding',
    ],
    ['nested', file('{"a":' + '['.repeat(100_000)), 'json-depth'],
    ['an unknown type', file('{"a":{"dtype":"F5","shape":[1],"data_offsets":[0,1]}}', 1), 'safetensors'],
    [
      'a type of Object.prototype',
      file('{"a":{"dtype":"toString","shape":[1],"data_offsets":[0,1]}}', 1),
      'safetensors',
    ],
    ['a negative size', file('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', 1), 'safetensors'],
    ['half a size', file('{"a":{"dtype":"U8","shape":[0.5],"data_offsets":[0,1]}}', 1), 'safetensors'],
    [
      'a product beyond 2^53',
      file('{"a":{"dtype":"U8","shape":[9007199254740991,9007199254740991],"data_offsets":[0,1]}}', 1),
      'safetensors',
    ],
    [
      'shape and bytes that differ',
      file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4),
      'safetensors',
    ],
    ['beyond the end', file('{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}', 4), 'safetensors'],
    ['backwards', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}', 1), 'safetensors'],
    [
      'an overlap',
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        3,
      ),
      'safetensors',
    ],
    [
      'a hole',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}',
        3,
      ),
      'safetensors',
    ],
    ['a rest', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 2), 'safetensors'],
    ['metadata that are no strings', file('{"__metadata__":{"a":1}}'), 'safetensors'],
  ])('refuses %s', async (_, bytes, code) => {
    const error = await graftError(() => parse(bytes), code);
    expect(error.what).toContain('m.safetensors');
  });

  it('takes a tensor named __proto__ for a tensor', async () => {
    const tensors = await parseSafetensors(
      memorySource('m', file('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1)),
    );
    expect([...tensors.keys()]).toEqual(['__proto__']);
  });

  it('round trip of any tensors', async () => {
    const tensor = fc.record({
      name: fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => name !== '__metadata__'),
      dtype: fc.constantFrom(...(Object.keys(DTYPE_BYTES) as Dtype[])),
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 8 }),
        async (tensors) => {
          const filled = tensors.map((t, i) => ({
            ...t,
            data: new Uint8Array(t.shape.reduce((a, b) => a * b, DTYPE_BYTES[t.dtype])).fill(i + 1),
          }));
          const read = await parseSafetensors(bounded(concatBytes(writeSafetensors(filled))));
          expect(read.size).toBe(filled.length);
          for (const { name, dtype, shape, data } of filled) {
            expect(read.get(name)).toMatchObject({ dtype, shape });
            expect(await read.get(name)?.read()).toEqual(data);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('random, damaged and shortened files end in a result or a GraftError', async () => {
    const good = concatBytes(
      writeSafetensors(
        [
          { name: 'a', dtype: 'F32', shape: [3], data: Float32Array.of(1, 2, 3) },
          { name: 'b', dtype: 'BF16', shape: [2, 1], data: Uint16Array.of(1, 2) },
        ],
        { k: 'v' },
      ),
    );
    const damaged = fc
      .tuple(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(good.length),
      )
      .map(([edits, length]) => {
        const bytes = good.slice();
        for (const [at, byte] of edits) bytes[at] = byte;
        return bytes.slice(0, length % 3 ? good.length : length);
      });
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes));
    const randomHeader = fc.json().map((json) => file(json, 8));
    const seen = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged, random, randomHeader), async (bytes) => {
        seen[
          await resultOrGraftError(async () => {
            for (const tensor of (await parseSafetensors(bounded(bytes))).values()) await tensor.read();
          })
        ]++;
      }),
      { numRuns: 3000 },
    );
    expect(seen.result).toBeGreaterThan(0);
    expect(seen.error).toBeGreaterThan(1000);
  });
});

describe('model folders', () => {
  const shard = (...names: string[]): Uint8Array<ArrayBuffer> =>
    concatBytes(
      writeSafetensors(
        names.map((name) => ({ name, dtype: 'F32', shape: [1], data: Float32Array.of(names.length) })),
      ),
    );
  const INDEX = 'model.safetensors.index.json';

  it('reads shards as the index says', async () => {
    const weights = await openWeights(
      memoryFiles({
        [INDEX]: JSON.stringify({ metadata: {}, weight_map: { a: '1.safetensors', b: '2.safetensors' } }),
        '1.safetensors': shard('a', 'unlisted'),
        '2.safetensors': shard('b'),
      }),
    );
    expect(weights.names()).toEqual(['a', 'b']);
    expect(weights.get('b')?.file).toBe('2.safetensors');
    expect(weights.get('c')).toBeUndefined();
  });

  it.each<[string, Record<string, Uint8Array<ArrayBuffer> | string>, string, string]>([
    ['nothing', {}, 'weights-missing', 'model.safetensors'],
    ['another format', { 'pytorch_model.bin': '' }, 'weights-missing', 'pytorch_model.bin'],
    [
      'a missing shard',
      { [INDEX]: '{"weight_map":{"a":"1.safetensors"}}' },
      'weights-missing',
      '1.safetensors',
    ],
    [
      'a tensor that is elsewhere',
      { [INDEX]: '{"weight_map":{"a":"1.safetensors"}}', '1.safetensors': shard('b') },
      'weights-index',
      'tensor a',
    ],
    ['no map', { [INDEX]: '{}' }, 'weights-index', 'weight_map'],
    ['an empty map', { [INDEX]: '{"weight_map":{}}' }, 'weights-index', 'no tensors'],
    [
      'a path out of the folder',
      { [INDEX]: '{"weight_map":{"a":"../x.safetensors"}}' },
      'weights-index',
      'tensor a',
    ],
    ['a number for a shard', { [INDEX]: '{"weight_map":{"a":1}}' }, 'weights-index', 'tensor a'],
    ['a list', { [INDEX]: '[]' }, 'json-shape', 'a list'],
    [
      'a damaged shard',
      { [INDEX]: '{"weight_map":{"a":"1.safetensors"}}', '1.safetensors': shard('a').slice(0, -1) },
      'safetensors',
      '1.safetensors',
    ],
  ])('refuses %s', async (_, files, code, named) => {
    expect((await graftError(() => openWeights(memoryFiles(files, 'my-model')), code)).what).toContain(named);
  });

  it('a fuzzed index ends in a result or a GraftError', async () => {
    const index = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .dictionary(fc.string(), fc.oneof(fc.constant('1.safetensors'), fc.string(), fc.jsonValue()))
        .map((map) => JSON.stringify({ weight_map: map })),
      fc.constantFrom('{"weight_map":{"a":"1.safetensors"}}'),
    );
    const seen = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(index, async (text) => {
        seen[
          await resultOrGraftError(() =>
            openWeights(memoryFiles({ [INDEX]: text, '1.safetensors': shard('a') })),
          )
        ]++;
      }),
      { numRuns: 1000 },
    );
    expect(seen.result).toBeGreaterThan(0);
    expect(seen.error).toBeGreaterThan(0);
  });

  it('reads no JSON over the limit, and says which file', async () => {
    const files = memoryFiles({ 'config.json': `{"a":"${'x'.repeat(100)}"}` }, 'my-model');
    expect((await graftError(() => readJson(files, 'config.json', 50), 'file-too-large')).what).toContain(
      'my-model/config.json',
    );
    expect(await readJson(files, 'config.json')).toEqual({ a: 'x'.repeat(100) });
    expect(await readJson(files, 'other.json')).toBeUndefined();
  });
});

describeShared('real weights', () => {
  it('stories260K', async () => {
    const weights = await openWeights(sharedFolder('models', 'stories260K'));
    const embedding = weights.get('model.embed_tokens.weight');
    expect(embedding).toMatchObject({ dtype: 'F32', shape: [512, 64] });
    const values = toFloat32(await embedding!.read(), 'F32');
    expect(values).toHaveLength(512 * 64);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('every model of reference/families', async () => {
    for (const family of readdirSync(sharedPath('reference', 'families'))) {
      const weights = await openWeights(sharedFolder('reference', 'families', family));
      expect(weights.names().length, family).toBeGreaterThan(5);
    }
  });
});

it('a Git LFS pointer is named as one', async () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 2471645608\n`;
  const error = await graftError(
    () => parseSafetensors(memorySource('model.safetensors', new TextEncoder().encode(pointer))),
    'safetensors',
  );
  expect(error.what).toMatch(/^model\.safetensors is a Git LFS pointer/);
  expect(error.remedy).toContain('git lfs pull');
});
