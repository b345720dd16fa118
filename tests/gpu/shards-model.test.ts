/** Whole models with weights in shards, because of a limit: the same numbers as with whole weights. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelOf } from '../../src/cli/files.ts';
import type { Device } from '../../src/engine/device.ts';
import { shardsOf, ShardedTensor } from '../../src/engine/shards.ts';
import { readPeft } from '../../src/export/peft.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel, type LoadOptions } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { greedy } from '../../src/model/sampling.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import type { Trainable } from '../../src/train/step-plans.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { FileSet } from '../../src/weights/bytes.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { describeAdapters, describeDevice } from '../engine/adapters.ts';
import { readTensorsOf, referenceFolder } from '../engine/reference-file.ts';
import { worstError } from '../engine/run.ts';
import { sprigFolder, voiceRows } from '../engine/sprig.ts';
import { defaultSpec } from '../../src/settings/spec.ts';

const KIB = 2 ** 10;
/** The least rows of a shard. */
const MIN_ROWS = 128;

/** Loads a model under a limit that the device only has while loading: both models share its compiled kernels. */
async function loadUnder(
  device: Device,
  largestWeight: number,
  files: FileSet,
  options: LoadOptions,
): Promise<LanguageModel> {
  const before = device.limits.largestWeight;
  Object.assign(device.limits, { largestWeight });
  try {
    return await LanguageModel.load(device, files, options);
  } finally {
    Object.assign(device.limits, { largestWeight: before });
  }
}

/** The trained part: the weights, or a new adapter whose B is not zero, so that every product takes part. */
function trainableOf(model: LanguageModel): Trainable {
  if (model.parameters) return { model, store: model.parameters };
  const modules = adapterModules(model.definition, defaultSpec());
  const tensors = initialTensors(modules, 7);
  for (const [name, values] of tensors)
    if (name.includes('lora_B'))
      tensors.set(
        name,
        values.map((_, i) => 0.02 * Math.sin(i)),
      );
  const adapter = new Adapter(model.device, modules, tensors, { trainable: true });
  return { model, adapter, store: adapter.store };
}

interface Numbers {
  readonly logits: Float32Array;
  readonly text: readonly number[];
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, ArrayLike<number>>;
  readonly curve: readonly number[];
}

async function numbersOf(model: LanguageModel, rows: ReturnType<typeof voiceRows>): Promise<Numbers> {
  const { device } = model;
  const logits = await model.logits(rows[0].ids);
  const generator = new Generator(model, 1, 64);
  const options = { maxNewTokens: 12, sampling: greedy, seed: 0, stopIds: [] };
  const [{ ids: text }] = await generator.generate([rows[0].ids.slice(0, 8)], options);
  await device.settle();
  generator.destroy();
  const trainable = trainableOf(model);
  const { loss, gradients } = await computeGradients(trainable, rows.slice(0, 2));
  const steps: StepEvent[] = [];
  const trainer = await Trainer.create({
    trainable,
    options: {
      ...defaultSpec(),
      method: model.parameters ? 'full' : 'lora',
      steps: 3,
      batch: 2,
      warmup: 0,
      lr: 1e-3,
      maxLength: 96,
    },
    rows,
    onEvent: (event) => event.type === 'step' && steps.push(event),
  });
  await trainer.run();
  await trainer.destroy();
  trainable.adapter?.destroy();
  return { logits, text, loss, gradients, curve: steps.map((step) => step.loss) };
}

describeDevice('Sprig in pieces', (context) => {
  let rows: ReturnType<typeof voiceRows>;
  beforeAll(async () => {
    rows = voiceRows(await loadTokenizer(sprigFolder()), 4);
  });

  for (const [name, options, pieces, tolerance] of [
    ['f32', { precision: 'f32' }, 8, 1e-5],
    ['f16', { precision: 'f16' }, 4, 5e-3],
    ['q8_0', { precision: 'f32', baseWeights: { matrices: 'q8_0' } }, 2, 1e-5],
    ['nf4 and q4_1', { precision: 'f32', baseWeights: { matrices: 'nf4', embeddings: 'q4_1' } }, 2, 1e-5],
    ['trained', { precision: 'f32', trainable: true }, 8, 1e-5],
  ] as const) {
    test(`${name}: logits, text, gradients and curve are those of the whole`, async () => {
      const { device } = context;
      const largest = name.startsWith('nf4') ? 44 * KIB : 80 * KIB;
      const whole = await LanguageModel.load(device, sprigFolder(), options);
      expect(whole.head).not.toBeInstanceOf(ShardedTensor);
      const expected = await numbersOf(whole, rows);
      const bytes = whole.weights.bytes;
      await whole.destroy();

      const split = await loadUnder(device, largest, sprigFolder(), options);
      expect(shardsOf(split.head)).toHaveLength(pieces);
      for (const { name } of split.definition.weights)
        for (const { tensor } of shardsOf(split.weights.find(name)!))
          expect(tensor.bytes <= largest || tensor.rows <= MIN_ROWS, name).toBe(true);
      expect(split.weights.bytes).toBe(bytes);
      const numbers = await numbersOf(split, rows);
      await split.destroy();

      expect(numbers.logits).toEqual(expected.logits);
      expect(numbers.text).toEqual(expected.text);
      expect(numbers.loss).toBe(expected.loss);
      for (const [tensor, values] of expected.gradients)
        expect(worstError(numbers.gradients.get(tensor)!, values), tensor).toBeLessThan(tolerance);
      numbers.curve.forEach((loss, i) =>
        expect(Math.abs(loss - expected.curve[i]), `step ${i + 1}`).toBeLessThan(tolerance),
      );
      expect(numbers.curve[2]).toBeLessThan(numbers.curve[0]);
    });
  }

  test('a trained weight comes back as it was written, in whole and row by row', async () => {
    const model = await loadUnder(context.device, 80 * KIB, sprigFolder(), { trainable: true });
    const store = model.parameters!;
    const name = model.definition.shape.head!;
    const [rowCount, columns] = store.get(name).shape;
    const values = Float32Array.from({ length: rowCount * columns }, (_, i) => i);
    store.write(name, values, 'first');
    const some = new Float32Array(100 * columns).fill(-1);
    store.write(name, some, 'first', 100);
    values.fill(-1, 100 * columns, 200 * columns);
    expect((await store.read('first')).get(name)).toEqual(values);
    await model.destroy();
  });
});

describeAdapters('A device with small bindings', (context) => {
  test('trains and answers with what it can bind', async () => {
    const { device } = context;
    const before = { ...device.limits };
    const small = 256 * KIB;
    Object.assign(device.limits, { maxStorageBufferBindingSize: small });
    const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
    expect(shardsOf(model.head)).toHaveLength(2);
    const rows = voiceRows(await loadTokenizer(sprigFolder()), 2).map((row) => ({
      ...row,
      ids: row.ids.slice(0, 32),
      labels: row.labels.slice(0, 32),
    }));
    const { loss, gradients } = await computeGradients(trainableOf(model), rows);
    Object.assign(device.limits, before);
    const whole = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
    expect(shardsOf(whole.head)).toHaveLength(1);
    const expected = await computeGradients(trainableOf(whole), rows);
    expect(loss).toBe(expected.loss);
    for (const [name, values] of expected.gradients)
      expect(worstError(gradients.get(name)!, values), name).toBeLessThan(1e-5);
    await model.destroy();
    await whole.destroy();
  });
});

describeDevice('Families in pieces', (context) => {
  for (const name of ['llama', 'gemma3', 'gpt2', 'phi3-partial-rope']) {
    test(name, async () => {
      const open = (...parts: string[]): FileSet => referenceFolder('families', name, ...parts);
      const { device } = context;
      const model = await loadUnder(device, 20 * KIB - 1, open(), { precision: 'f32' });
      expect(shardsOf(model.head)).toHaveLength(2);
      const { floats, integers } = await readTensorsOf(open(), 'reference.safetensors');
      const rowsOf = (matrix: string): number[][] => {
        const { values, shape } = integers.get(matrix)!;
        const [count, width] = shape;
        return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
      };
      const [ids, labels] = [rowsOf('ids'), rowsOf('labels')];
      const { modules, tensors } = await readPeft(open('adapter'), model.definition);
      const adapter = new Adapter(device, modules, tensors, { trainable: true });
      const size = floats.get('logits_lora')!.length / ids.length;
      for (const [i, row] of ids.entries()) {
        const expected = floats.get('logits_lora')!.subarray(i * size, (i + 1) * size);
        expect(worstError(await model.logits(row, adapter), expected)).toBeLessThan(1e-4);
      }
      const rows = ids.map((row, i) => ({ ids: row, labels: labels[i] }));
      const { loss, gradients } = await computeGradients({ model, adapter, store: adapter.store }, rows);
      expect(Math.abs(loss - floats.get('loss')![0])).toBeLessThan(1e-4);
      for (const [tensor, values] of (await readTensorsOf(open(), 'grads.safetensors')).floats)
        expect(worstError(gradients.get(tensor)!, values), tensor).toBeLessThan(1e-3);
      adapter.destroy();
      await model.destroy();
    });
  }
});

describeShared('Models from GGUF', () => {
  describeDevice('Models from GGUF, in pieces', (context) => {
    const models: LanguageModel[] = [];
    afterAll(async () => {
      for (const model of models) await model.destroy();
    });

    test.each([
      ['gguf', 'stories260K.Q8_0.gguf', 14],
      ['gguf', 'stories260K.Q4_0.gguf', 14],
      ['gguf-k', 'Q4_K.gguf', 40],
      ['gguf-k', 'Q6_K.gguf', 40],
    ])('%s/%s: blocks of the file go into pieces', async (folder, file, kib) => {
      const files = await modelOf(sharedPath('reference', folder, file));
      const whole = await LanguageModel.load(context.device, files, { precision: 'f32' });
      const split = await loadUnder(context.device, kib * KIB, files, { precision: 'f32' });
      models.push(whole, split);
      expect(shardsOf(split.head).length).toBeGreaterThan(1);
      const ids = Array.from({ length: 20 }, (_, i) => (i * 37 + 5) % whole.definition.shape.vocabulary);
      expect(await split.logits(ids)).toEqual(await whole.logits(ids));
    });
  });
});
