/** A folder for Transformers.js: its files, their sizes, and what is refused. tests/interop/onnx.test.ts runs the models. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { DirectorySink, writeFiles, type FolderFile } from '../../../src/export/folder-sink.ts';
import type { Parts, PreparedExport } from '../../../src/export/formats/format.ts';
import { onnx } from '../../../src/export/formats/onnx.ts';
import { mergedTensors } from '../../../src/export/merge.ts';
import { onnxCompanions } from '../../../src/export/onnx/companions.ts';
import { onnxModel } from '../../../src/export/onnx/model.ts';
import { float, integer, message, textField } from '../../../src/export/onnx/protobuf.ts';
import { ONNX_TYPES, quantiseSymmetric } from '../../../src/export/onnx/weights.ts';
import { overlaid } from '../../../src/export/overlaid.ts';
import type { JsonObject } from '../../../src/json.ts';
import { readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { SUMS } from '../../../src/weights/sums.ts';
import { memoryFiles, type FileSet } from '../../../src/weights/bytes.ts';
import { concatBytes, writeSafetensors } from '../../../src/weights/safetensors.ts';
import { referenceFolder, referencePath } from '../../engine/reference-file.ts';
import { noise } from '../../engine/run.ts';
import { sprigFolder } from '../../engine/sprig.ts';
import { MemoryFolder } from '../storage/memory-folder.ts';
import { smallTokenizer } from '../../small-tokenizer.ts';
import { graftError } from '../expect-graft-error.ts';

async function exported(base: FileSet, more: Partial<Parts> = {}): Promise<PreparedExport> {
  const model = await readModel(base);
  return onnx.prepare({ baseModel: 'base', base, model, adapterName: 'a b', adapter: {}, ...more });
}

async function bytesOf({ read }: FolderFile): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const part of read()) parts.push(part);
  return concatBytes(parts);
}

async function textOf({ files }: PreparedExport, name: string): Promise<string> {
  return new TextDecoder().decode(await bytesOf(files.find((file) => file.name === name)!));
}

const jsonOf = async (prepared: PreparedExport, name: string): Promise<JsonObject> =>
  JSON.parse(await textOf(prepared, name)) as JsonObject;

const small = (name: string, more: Record<string, string> = {}): FileSet =>
  overlaid(referenceFolder('families', name), memoryFiles({ ...smallTokenizer(), ...more }));

test.each([
  ['f32', 'model', 'fp32'],
  ['f16', 'model_fp16', 'fp16'],
  ['int8', 'model_quantized', 'q8'],
])('%s is where Transformers.js looks for it, in the announced size', async (type, file, dtype) => {
  const prepared = await exported(sprigFolder(), { type });
  expect(prepared.folder).toBe('a-b-onnx');
  expect(prepared.files.map(({ name }) => name)).toEqual([
    ...['config.json', 'generation_config.json', 'tokenizer_config.json', 'tokenizer.json', 'README.md'],
    `onnx/${file}.onnx`,
  ]);
  for (const one of prepared.files) expect((await bytesOf(one)).length, one.name).toBe(one.size);
  expect((await jsonOf(prepared, 'config.json'))['transformers.js_config']).toEqual({ dtype });
  expect(await textOf(prepared, 'README.md')).toContain(`pipeline('text-generation', 'a-b-onnx')`);
});

test('a folder that a person chose gets the model in a folder of its own', async () => {
  const { files, folder: name } = await exported(sprigFolder());
  const root = new MemoryFolder();
  const sink = await DirectorySink.create(root.handle, name);
  await writeFiles(files, sink, () => undefined);
  const written = await root.getDirectoryHandle(name);
  const model = await written.getDirectoryHandle('onnx');
  expect([...model.children.keys()]).toEqual(['model_fp16.onnx']);
  expect([...written.children.keys()].sort()).toEqual(
    [SUMS, ...files.map((file) => file.name).filter((one) => !one.includes('/')), 'onnx'].sort(),
  );
});

test('f16 is the default, and each type is smaller than the one before', async () => {
  const size = async (type?: string): Promise<number> => {
    const { files } = await exported(sprigFolder(), type === undefined ? {} : { type });
    return files.reduce((sum, file) => sum + file.size, 0);
  };
  const [f32, f16, int8] = await Promise.all(ONNX_TYPES.map(size));
  expect(await size()).toBe(f16);
  expect(f16 / f32).toBeLessThan(0.55);
  expect(int8 / f16).toBeLessThan(0.6);
});

test('the tokens and the rows that an adapter adds are in the folder', async () => {
  const place = referencePath('peft', 'tokens');
  const adapter = Object.fromEntries(
    readdirSync(place).map((name) => [name, new Uint8Array(readFileSync(join(place, name)))]),
  );
  const prepared = await exported(sprigFolder(), { adapter });
  const { vocabulary } = (await readModel(sprigFolder())).shape;
  expect(Number((await jsonOf(prepared, 'config.json'))['vocab_size'])).toBeGreaterThan(vocabulary);
  const before = JSON.parse(readFileSync(join(place, 'tokenizer.json'), 'utf8')) as JsonObject;
  expect((await jsonOf(prepared, 'tokenizer.json'))['added_tokens']).toEqual(before['added_tokens']);
});

test('a chat template of its own file goes to where Transformers.js reads it', async () => {
  const template = '{% for message in messages %}{{ message.content }}{% endfor %}';
  const prepared = await exported(small('llama', { 'chat_template.jinja': template }));
  expect((await jsonOf(prepared, 'tokenizer_config.json'))['chat_template']).toBe(template);
  expect(await textOf(prepared, 'README.md')).toContain(`generator([{ role: 'user', content: 'Hello' }]`);
});

test('a folder that does not say where answers stop gets what its tokenizer says', async () => {
  const prepared = await exported(small('llama'));
  expect(await jsonOf(prepared, 'generation_config.json')).toMatchObject({ bos_token_id: 0 });
  expect((await jsonOf(prepared, 'generation_config.json'))['eos_token_id']).toContain(1);
  expect(await textOf(prepared, 'README.md')).toContain(`generator("Hello", {`);
});

test('the text of a model that also sees is a model of text', async () => {
  const source = (await referenceFolder('families', 'gemma3').open('config.json'))!;
  const config = JSON.parse(new TextDecoder().decode(await source.read(0, source.size))) as JsonObject;
  const base = small('gemma3', {
    'config.json': JSON.stringify({
      model_type: 'gemma3',
      text_config: { ...config, model_type: undefined },
    }),
  });
  const model = await readModel(base);
  const place = { dtype: 'q8', file: 'model_quantized.onnx', dataFiles: 2 };
  const { files } = await onnxCompanions(base, model, place);
  const [written] = files.filter(({ name }) => name === 'config.json');
  const json = JSON.parse(new TextDecoder().decode(await bytesOf(written))) as JsonObject;
  expect(json).toMatchObject({
    ...{ model_type: 'gemma3_text', num_hidden_layers: model.shape.layers },
    'transformers.js_config': { dtype: 'q8', use_external_data_format: { 'model_quantized.onnx': 2 } },
  });
  expect(json).not.toHaveProperty('text_config');
});

test('weights beyond the largest file are in files of data, on the pages of a disk', async () => {
  const base = small('llama');
  const model = await readModel(base);
  const source = await openModelWeights(base, model);
  const weights = mergedTensors(model, source, undefined);
  const largest = 60_000;
  const { files, dataFiles } = onnxModel('onnx/model', { model, weights }, 'f32', largest);
  const names = files.map(({ name }) => name);
  expect(names.at(-1)).toBe('onnx/model.onnx');
  expect(names.slice(0, -1)).toEqual(
    Array.from({ length: dataFiles }, (_, at) => `onnx/model.onnx_data${at === 0 ? '' : `_${at}`}`),
  );
  expect(dataFiles).toBeGreaterThan(1);
  for (const file of files) {
    expect(file.size).toBeLessThanOrEqual(largest);
    expect((await bytesOf(file)).length).toBe(file.size);
  }
  const bytes = files.slice(0, -1).reduce((sum, { size }) => sum + size, 0);
  expect(bytes % 4096).toBe(0);
});

describe('a row of 8 bits', () => {
  test('is at most half a step from its numbers, and keeps its largest', () => {
    const rows = 5;
    const values = Float32Array.from(noise(rows * 33, 3), (value) => value * 2);
    const { steps, scales } = quantiseSymmetric(values, rows);
    values.forEach((value, at) => {
      const scale = scales[Math.floor(at / 33)];
      expect(Math.abs(value - steps[at] * scale)).toBeLessThanOrEqual(scale * 0.5001);
    });
    for (let row = 0; row < rows; row++)
      expect(Math.max(...steps.subarray(row * 33, (row + 1) * 33).map(Math.abs))).toBe(127);
  });

  test('keeps zeros as zeros', () => {
    const { steps, scales } = quantiseSymmetric(new Float32Array(4), 2);
    expect([[...steps], [...scales]]).toEqual([
      [0, 0, 0, 0],
      [1, 1],
    ]);
  });
});

test('protocol buffers have the bytes of their specification', () => {
  // https://protobuf.dev/programming-guides/encoding/
  expect([...integer(1, 150)]).toEqual([0x08, 0x96, 0x01]);
  expect([...integer(1, -2)]).toEqual([0x08, 0xfe, ...Array.from({ length: 8 }, () => 0xff), 0x01]);
  expect([...textField(2, 'testing')]).toEqual([0x12, 0x07, ...new TextEncoder().encode('testing')]);
  expect([...message(3, integer(1, 150))]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01]);
  expect([...float(2, 1)]).toEqual([0x15, 0, 0, 0x80, 0x3f]);
});

describe('refused', () => {
  test('a model without a tokenizer', async () => {
    const { what } = await graftError(
      () => exported(folder(referencePath('families', 'llama'))),
      'export-format',
    );
    expect(what).toMatch(/has no tokenizer\.json, and Transformers\.js reads its tokenizer from it/);
  });

  test('a prompt, which no weights hold', async () => {
    const place = referencePath('peft', 'prompt');
    const adapter = Object.fromEntries(
      readdirSync(place).map((name) => [name, new Uint8Array(readFileSync(join(place, name)))]),
    );
    await graftError(() => exported(sprigFolder(), { adapter }), 'adapter-merge');
  });

  test('a number that f16 does not have, by the name of its weight', async () => {
    const plain = small('llama');
    const model = await readModel(plain);
    const tensors = model.weights.map(({ name, shape }) => ({
      ...{ name, shape, dtype: 'F32' as const },
      data: new Float32Array(shape.reduce((size, length) => size * length, 1)).fill(
        name.endsWith('layers.1.mlp.up_proj.weight') ? 70_000 : 0.5,
      ),
    }));
    const base = overlaid(
      plain,
      memoryFiles({ 'model.safetensors': concatBytes(writeSafetensors(tensors)) }),
    );
    const { files } = await exported(base, { type: 'f16' });
    const { what, remedy } = await graftError(() => bytesOf(files.at(-1)!), 'export-format');
    expect(`${what} ${remedy}`).toMatch(/layers\.1\.mlp\.up_proj\.weight has the number 70000.*--type f32/);
  });
});
