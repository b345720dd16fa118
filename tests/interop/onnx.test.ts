/** Exported ONNX models in onnxruntime: the logits of PEFT and of Graft, of whole texts, token by token, and with padding. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { Device } from '../../src/engine/device.ts';
import type { Parts } from '../../src/export/formats/format.ts';
import { onnx } from '../../src/export/formats/onnx.ts';
import { mergedTensors } from '../../src/export/merge.ts';
import { onnxModel } from '../../src/export/onnx/model.ts';
import { overlaid } from '../../src/export/overlaid.ts';
import { readPeft } from '../../src/export/peft.ts';
import type { FolderFile } from '../../src/export/folder-sink.ts';
import { readModel } from '../../src/model/family.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { concatBytes } from '../../src/weights/safetensors.ts';
import { readTensorsOf, referenceFolder, referencePath } from '../engine/reference-file.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { OnnxSession, wholeTexts } from '../onnxruntime.ts';
import { sharedFolder, testShared } from '../shared.ts';
import { smallTokenizer } from '../small-tokenizer.ts';

/** The largest difference of a logit: f32 in another order. */
const CLOSE = 1e-4;

async function bytesOf(file: FolderFile): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of file.read()) parts.push(part);
  return concatBytes(parts);
}

function adapterFiles(...path: string[]): Record<string, Uint8Array<ArrayBuffer>> {
  const place = referencePath(...path);
  return Object.fromEntries(
    readdirSync(place).map((name) => [name, new Uint8Array(readFileSync(join(place, name)))]),
  );
}

async function opened(base: FileSet, adapter: Parts['adapter'], type = 'f32'): Promise<OnnxSession> {
  const { files } = await onnx.prepare({
    ...{ baseModel: 'base', base, model: await readModel(base), adapterName: 'a', adapter, type },
  });
  return OnnxSession.open(await bytesOf(files.find(({ name }) => name.endsWith('.onnx'))!));
}

function worst(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  let most = 0;
  for (let at = 0; at < ours.length; at++) most = Math.max(most, Math.abs(ours[at] - theirs[at]));
  return most;
}

interface Family {
  readonly base: FileSet;
  readonly adapter: Record<string, Uint8Array<ArrayBuffer>>;
  readonly ids: number[][];
  /** Of PEFT, a list for each token of each text. */
  readonly logits: Float32Array[][];
}

async function family(name: string): Promise<Family> {
  const folder = referenceFolder('families', name);
  const { floats, integers } = await readTensorsOf(folder, 'reference.safetensors');
  const { values, shape } = integers.get('ids')!;
  const [texts, length] = shape;
  const logits = floats.get('logits_lora')!;
  const vocabulary = logits.length / values.length;
  return {
    base: overlaid(folder, memoryFiles(smallTokenizer())),
    adapter: adapterFiles('families', name, 'adapter'),
    ids: Array.from({ length: texts }, (_, text) => values.slice(text * length, (text + 1) * length)),
    logits: Array.from({ length: texts }, (_, text) =>
      Array.from({ length }, (_, at) => {
        const start = (text * length + at) * vocabulary;
        return logits.subarray(start, start + vocabulary);
      }),
    ),
  };
}

/** Convolutions over tokens and mixtures of experts have no graph here. */
const REFUSED = ['lfm2', 'olmoe'];
const families = readdirSync(referencePath('families'), { withFileTypes: true })
  .filter((one) => one.isDirectory() && !REFUSED.includes(one.name))
  .map(({ name }) => name);

const flat = (rows: readonly Float32Array[]): Float32Array =>
  Float32Array.from(rows.flatMap((row) => [...row]));

describe('ONNX in onnxruntime', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openProcessor();
  });
  afterAll(() => device?.close());

  test.each(REFUSED)('%s is refused by name', async (name) => {
    const { base, adapter } = await family(name);
    await expect(opened(base, adapter)).rejects.toThrow(name);
  });

  test.each(families)('%s has the logits of PEFT, whole, in steps and padded', async (name) => {
    const { base, adapter, ids, logits } = await family(name);
    const session = await opened(base, adapter);
    const whole = await session.run(wholeTexts(ids));
    expect(worst(whole.logits.data, flat(logits.flat()))).toBeLessThan(CLOSE);

    const length = ids[0].length;
    let past: Awaited<ReturnType<OnnxSession['run']>>['past'] | undefined;
    for (const [from, to] of [
      [0, length - 3],
      [length - 3, length - 2],
      [length - 2, length],
    ]) {
      const positions = ids.map((row) => row.map((_, at) => at).slice(from, to));
      const mask = ids.map((row) => row.slice(0, to).map(() => 1));
      const step = await session.run({ ids: ids.map((row) => row.slice(from, to)), positions, mask }, past);
      past = step.past;
      expect(worst(step.logits.data, flat(logits.flatMap((rows) => rows.slice(from, to))))).toBeLessThan(
        CLOSE,
      );
    }

    // The second text is shorter: it begins later, at position 0.
    const pad = 5;
    const padding = Array.from({ length: pad }, () => 0);
    const numbers = ids[0].map((_, at) => at);
    const padded = await session.run({
      ids: [ids[0], [...padding, ...ids[1].slice(0, length - pad)]],
      positions: [numbers, [...padding, ...numbers.slice(0, length - pad)]],
      mask: [ids[0].map(() => 1), [...padding, ...numbers.slice(pad).map(() => 1)]],
    });
    const vocabulary = padded.logits.data.length / (2 * length);
    const [first, second] = [0, length + pad].map((row) => row * vocabulary);
    const { data } = padded.logits;
    expect(worst(data.subarray(first, length * vocabulary), flat(logits[0]))).toBeLessThan(CLOSE);
    expect(worst(data.subarray(second), flat(logits[1].slice(0, length - pad)))).toBeLessThan(CLOSE);
    await session.release();
  });

  test.each([
    ['f16', 0.01],
    ['int8', 0.12],
  ])('%s rounds weights, and nothing else', async (type, bound) => {
    const { base, adapter, ids, logits } = await family('llama');
    const session = await opened(base, adapter, type);
    const { logits: ours } = await session.run(wholeTexts(ids));
    const error = worst(ours.data, flat(logits.flat()));
    expect(error).toBeLessThan(bound);
    expect(error).toBeGreaterThan(bound / 100);
    await session.release();
  });

  test('a model whose weights lie in files of their own is the same', async () => {
    const { base, adapter, ids, logits } = await family('llama');
    const model = await readModel(base);
    const source = await openModelWeights(base, model);
    const data = await readPeft(memoryFiles(adapter, 'a'), model);
    const weights = mergedTensors(model, source, data);
    const { files, dataFiles } = onnxModel('onnx/model', { model, weights }, 'f32', 60_000);
    expect(dataFiles).toBeGreaterThan(1);
    const [main, ...others] = [...files].reverse();
    const held = await Promise.all(
      others.map(async (file) => [file.name.replace('onnx/', ''), await bytesOf(file)] as const),
    );
    const session = await OnnxSession.open(await bytesOf(main), Object.fromEntries(held));
    const { logits: ours } = await session.run(wholeTexts(ids));
    expect(worst(ours.data, flat(logits.flat()))).toBeLessThan(CLOSE);
    await session.release();
  });

  test.each(['adapter', 'dora', 'loha', 'ia3', 'norms', 'tokens'])(
    'the bundled model with %s has the logits of Graft',
    async (name) => {
      const [base, files] = [sprigFolder(), adapterFiles('peft', name)];
      const model = await LanguageModel.load(device, base, { precision: 'f32' });
      const { modules, tensors } = await readPeft(memoryFiles(files, name), model.definition);
      const adapter = await Adapter.frozen(model, modules, tensors);
      const ids = Array.from({ length: 20 }, (_, at) => (at * 37 + 5) % 1024);
      const wanted = await model.logits(ids, adapter);
      const session = await opened(base, files);
      const { logits } = await session.run(wholeTexts([ids]));
      expect(worst(logits.data, wanted)).toBeLessThan(10 * CLOSE);
      await session.release();
      adapter.destroy();
      await model.destroy();
    },
  );

  testShared('stories260K has the logits of PEFT', async () => {
    const folder = sharedFolder('reference', 'stories260K', 'lora');
    const { floats, integers } = await readTensorsOf(folder, 'logits.safetensors');
    const adapter = sharedFolder('reference', 'stories260K', 'lora', 'adapter');
    const files = await Promise.all(
      adapter.list().map(async (name) => {
        const source = (await adapter.open(name))!;
        return [name, await source.read(0, source.size)] as const;
      }),
    );
    const session = await opened(sharedFolder('models', 'stories260K'), Object.fromEntries(files));
    const { logits } = await session.run(wholeTexts([integers.get('ids')!.values]));
    expect(worst(logits.data, floats.get('logits')!)).toBeLessThan(10 * CLOSE);
    await session.release();
  });
});
