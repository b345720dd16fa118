import { readFileSync } from 'node:fs';
import { gguf } from '@huggingface/gguf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryFiles, memorySource, readJson } from '../../../src/weights/bytes.ts';
import { storedBytes, toFloat32 } from '../../../src/weights/dtypes.ts';
import { modelFolder, openWeights } from '../../../src/weights/folder.ts';
import { readGgufHeader, type GgufHeader } from '../../../src/weights/gguf/header.ts';
import { describeShared, sharedFolder, sharedJson, sharedPath } from '../../shared.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';
import { ggufFile, type GgufToWrite } from './gguf-file.ts';

const TYPES = ['F32', 'F16', 'BF16', 'Q8_0', 'Q5_1', 'Q4_0'] as const;

function story(type: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(sharedPath('reference', 'gguf', `stories260K.${type}.gguf`)));
}

describeShared('GGUF files against the Hugging Face folder', () => {
  it.each(TYPES)('stories260K in %s: names, shapes, numbers', async (type) => {
    const ours = await openWeights(memoryFiles({ 'm.gguf': story(type) }));
    const theirs = await openWeights(sharedFolder('models', 'stories260K'));
    expect(ours.names().sort()).toEqual(theirs.names().sort());
    // Half a step of the format, as a share of a block's largest value.
    const tolerance = { F32: 0, F16: 2 ** -11, BF16: 2 ** -8, Q8_0: 1 / 127, Q5_1: 1 / 16, Q4_0: 1 / 8 }[
      type
    ];
    for (const name of theirs.names()) {
      const entry = ours.get(name)!;
      const expected = toFloat32(await theirs.get(name)!.read(), 'F32');
      expect(entry.shape).toEqual(theirs.get(name)!.shape);
      expect(entry.byteLength).toBe(storedBytes(entry.dtype, entry.shape));
      const values = toFloat32(await entry.read(), entry.dtype);
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      let difference = 0;
      values.forEach((x, i) => (difference = Math.max(difference, Math.abs(x - expected[i]))));
      expect(difference, name).toBeLessThanOrEqual(tolerance * largest);
    }
  });

  it('gives the same bytes in ranges', async () => {
    const weights = await openWeights(memoryFiles({ 'm.gguf': story('Q4_0') }));
    for (const name of ['model.layers.1.self_attn.q_proj.weight', 'model.embed_tokens.weight']) {
      const entry = weights.get(name)!;
      const whole = await entry.read();
      for (const [from, to] of [
        [0, 1],
        [17, 1000],
        [entry.byteLength - 3, entry.byteLength],
      ])
        expect(await entry.readRange(from, to)).toEqual(whole.subarray(from, to));
    }
  });

  it('gives the configuration', async () => {
    const files = await modelFolder(memoryFiles({ 'm.gguf': story('F32') }));
    const { torch_dtype, ...expected } = sharedJson<Record<string, unknown>>(
      'models',
      'stories260K',
      'config.json',
    );
    expect(torch_dtype).toBe('float32');
    expect(await readJson(files, 'config.json')).toEqual({ ...expected, hidden_act: undefined });
  });

  it.each(TYPES)('reads the header of stories260K in %s as @huggingface/gguf does', async (type) => {
    const bytes = story(type);
    const ours = await read(bytes);
    const theirs = await gguf('https://file.invalid/', { fetch: async () => new Response(bytes) });
    const { version, tensor_count, kv_count, ...metadata } = theirs.metadata as Record<string, unknown>;
    expect([version, tensor_count, kv_count]).toEqual([3, BigInt(ours.tensors.length), 18n]);
    expect(Object.fromEntries(ours.metadata.entries)).toEqual(metadata);
    const described = theirs.tensorInfos.map(({ name, shape, offset }) => ({
      name,
      shape: shape.map(Number).reverse(),
      start: Number(theirs.tensorDataOffset + offset),
    }));
    expect(ours.tensors.map(({ name, shape, start }) => ({ name, shape, start }))).toEqual(described);
  });

  it('prefers files of the folder to the metadata', async () => {
    const files = await modelFolder(
      memoryFiles({ 'm.gguf': story('F32'), 'config.json': '{"model_type":"mine"}' }),
    );
    expect(await readJson(files, 'config.json')).toEqual({ model_type: 'mine' });
    expect(files.list().sort()).toEqual([
      'config.json',
      'generation_config.json',
      'm.gguf',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  it('damaged in any place ends in a GraftError or a model', async () => {
    const header = 14_048;
    const original = story('Q4_0').slice(0, header + 400_000);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(header - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(original.length)),
        async (damage, cut) => {
          const bytes = original.slice(0, cut ?? undefined);
          for (const [at, byte] of damage) if (at < bytes.length) bytes[at] = byte;
          await resultOrGraftError(async () => {
            const files = await modelFolder(memoryFiles({ 'm.gguf': bytes }));
            for (const name of files.list()) await files.open(name);
            const weights = await openWeights(files);
            for (const name of weights.names()) await weights.get(name)!.read();
          });
        },
      ),
      { numRuns: 400 },
    );
  });
});

function read(bytes: Uint8Array<ArrayBuffer>): Promise<GgufHeader> {
  return readGgufHeader(memorySource('m.gguf', bytes));
}

describe('a GGUF header', () => {
  const floats = (name: string, count: number, offset?: number): NonNullable<GgufToWrite['tensors']>[0] => ({
    name,
    shape: [count],
    type: 0,
    data: new Uint8Array(count * 4),
    offset,
  });

  it('is read: every kind of value, a byte order mark, tensors in the order of the file', async () => {
    const { metadata, tensors } = await read(
      ggufFile({
        metadata: {
          a: { u32: 7 },
          b: { u64: 2n ** 53n },
          c: { f32: 1e-5 },
          d: { flag: true },
          e: { text: 'ä' },
          f: { texts: ['\uFEFFusing', '', '🙂'] },
          g: { ints: [-1, 2] },
          h: { floats: [0.5] },
        },
        tensors: [floats('x', 3), { name: 'y', shape: [2, 32], type: 2, data: new Uint8Array(36) }],
      }),
    );
    expect(metadata.number('a')).toBe(7);
    expect(metadata.number('b')).toBe(2 ** 53);
    expect(metadata.float('c')).toBe(1e-5);
    expect(metadata.flag('d')).toBe(true);
    expect(metadata.text('e')).toBe('ä');
    expect(metadata.texts('f')).toEqual(['\uFEFFusing', '', '🙂']);
    expect(metadata.numbers('g')).toEqual([-1, 2]);
    expect(metadata.numbers('h')).toEqual([0.5]);
    expect(tensors.map(({ name, type, shape, byteLength }) => [name, type, shape, byteLength])).toEqual([
      ['x', 'F32', [3], 12],
      ['y', 'Q4_0', [2, 32], 36],
    ]);
    await graftError(async () => metadata.text('a'), 'gguf-metadata');
    await graftError(async () => metadata.required('missing'), 'gguf-metadata');
    await graftError(async () => metadata.texts('g'), 'gguf-metadata');
  });

  it.each<[string, Uint8Array<ArrayBuffer>, string, string]>([
    ['nothing', new Uint8Array(0), 'gguf', '24 bytes are missing'],
    ['another file', new TextEncoder().encode('PK'.repeat(20)), 'gguf', '"GGUF"'],
    ['version 1', ggufFile({ version: 1 }), 'gguf-unsupported', 'version 1'],
    ['big-endian', ggufFile({ version: 0x03000000 }), 'gguf-unsupported', 'big-endian'],
    ['2^63 tensors', ggufFile({ tensorCount: 2n ** 63n }), 'gguf', 'tensors'],
    ['2^63 entries', ggufFile({ entryCount: 2n ** 63n }), 'gguf', 'entries'],
    ['more entries than there are', ggufFile({ entryCount: 1n }), 'gguf', '1 entries'],
    ['an alignment of 3', ggufFile({ metadata: { 'general.alignment': { u32: 3 } } }), 'gguf', 'alignment'],
    ['an alignment of 0', ggufFile({ metadata: { 'general.alignment': { u32: 0 } } }), 'gguf', 'alignment'],
    [
      'an alignment that is a text',
      ggufFile({ metadata: { 'general.alignment': { text: '32' } } }),
      'gguf-metadata',
      'general.alignment',
    ],
    ['a tensor twice', ggufFile({ tensors: [floats('x', 1), floats('x', 1)] }), 'gguf', 'twice'],
    ['tensors that overlap', ggufFile({ tensors: [floats('x', 9), floats('y', 1, 0)] }), 'gguf', 'lies on'],
    ['an offset off the alignment', ggufFile({ tensors: [floats('x', 1, 4)] }), 'gguf', 'aligned'],
    ['an offset past the end', ggufFile({ tensors: [floats('x', 1, 2 ** 40)] }), 'gguf', 'ends at'],
    [
      'an unknown number format',
      ggufFile({ tensors: [{ ...floats('x', 1), type: 16 }] }),
      'gguf-unsupported',
      'number format 16',
    ],
    ['half a block', ggufFile({ tensors: [{ ...floats('x', 33), type: 2 }] }), 'gguf', '[33]'],
    ['a size of 0', ggufFile({ tensors: [{ ...floats('x', 1), shape: [0] }] }), 'gguf', '[0]'],
    [
      'a shape beyond all numbers',
      ggufFile({ tensors: [{ ...floats('x', 1), shape: [2 ** 60, 2 ** 60] }] }),
      'gguf',
      'shape',
    ],
    [
      'five dimensions',
      ggufFile({ tensors: [{ ...floats('x', 1), shape: [1, 1, 1, 1, 1] }] }),
      'gguf',
      '5 dim',
    ],
    [
      'another architecture',
      ggufFile({ metadata: { 'general.architecture': { text: 'mamba' } } }),
      'gguf-unsupported',
      'mamba',
    ],
    ['no architecture', ggufFile({}), 'gguf-unsupported', '""'],
    [
      'a tensor that Llama does not have',
      ggufFile({
        metadata: { 'general.architecture': { text: 'llama' } },
        tensors: [floats('blk.0.attn_sinks.weight', 1)],
      }),
      'gguf-unsupported',
      'attn_sinks',
    ],
  ])('refuses %s', async (_, bytes, code, named) => {
    const error = await graftError(() => modelFolder(memoryFiles({ 'm.gguf': bytes })), code);
    expect(error.what).toContain(named);
  });

  it('refuses to choose between several files, and takes safetensors before one', async () => {
    const files = { 'a.gguf': ggufFile({}), 'b.gguf': ggufFile({}) };
    await graftError(() => modelFolder(memoryFiles(files)), 'weights-several');
    const folder = memoryFiles({ 'a.gguf': ggufFile({}), 'model.safetensors': '' });
    expect(await modelFolder(folder)).toBe(folder);
  });

  it('ends in a GraftError if its bytes are random', async () => {
    const start = ggufFile({}).slice(0, 8);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, marked) => {
        const file = marked ? Uint8Array.from([...start, ...bytes]) : Uint8Array.from(bytes);
        await resultOrGraftError(() => modelFolder(memoryFiles({ 'm.gguf': file })));
      }),
      { numRuns: 500 },
    );
  });
});
