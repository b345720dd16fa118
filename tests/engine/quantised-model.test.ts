/** Whole models on a quantised base: the same as on the dequantised numbers, loaded as f32. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelOf } from '../../src/cli/files.ts';
import { QuantisedTensor } from '../../src/engine/quantised.ts';
import { quantisedRows } from '../../src/model/base-weights.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { greedy } from '../../src/model/sampling.ts';
import { isQuantised, weightTypes, type WeightChoices } from '../../src/model/weight-types.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';
import { dequantise } from '../../src/weights/layouts.ts';
import { concatBytes, writeSafetensors } from '../../src/weights/safetensors.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { describeDevice, type AdapterContext } from './adapters.ts';
import { worstError } from './run.ts';
import { sprigFolder, voiceRows } from './sprig.ts';
import { defaultSpec } from '../../src/settings/spec.ts';

type Rows = ReturnType<typeof voiceRows>;

/** A new adapter whose B is not zero, so that every product of forward and backward takes part. */
function adapterOn(model: LanguageModel): Adapter {
  const modules = adapterModules(model.definition, defaultSpec());
  const tensors = initialTensors(modules, 7);
  for (const [name, values] of tensors)
    if (name.includes('lora_B'))
      tensors.set(
        name,
        values.map((_, i) => 0.02 * Math.sin(i)),
      );
  return new Adapter(model.device, modules, tensors, { trainable: true });
}

async function lossAndGradients(
  model: LanguageModel,
  rows: Rows,
): Promise<{ loss: number; gradients: ReadonlyMap<string, ArrayLike<number>> }> {
  const adapter = adapterOn(model);
  const result = await computeGradients({ model, adapter, store: adapter.store }, rows);
  await model.device.settle();
  adapter.destroy();
  return result;
}

async function curve(model: LanguageModel, rows: Rows): Promise<number[]> {
  const adapter = adapterOn(model);
  const steps: StepEvent[] = [];
  const trainer = await Trainer.create({
    trainable: { model, adapter, store: adapter.store },
    options: { ...defaultSpec(), steps: 4, batch: 2, warmup: 0, lr: 2e-3, maxLength: 96 },
    rows,
    onEvent: (event) => event.type === 'step' && steps.push(event),
  });
  await trainer.run();
  await trainer.destroy();
  adapter.destroy();
  return steps.map(({ loss }) => loss);
}

/** Loss and gradients of the first model as those of the second. */
async function expectSame(first: LanguageModel, second: LanguageModel, rows: Rows): Promise<void> {
  const quantised = await lossAndGradients(first, rows);
  const plain = await lossAndGradients(second, rows);
  expect(Math.abs(quantised.loss - plain.loss)).toBeLessThan(1e-5);
  for (const [name, expected] of plain.gradients)
    expect(worstError(quantised.gradients.get(name)!, expected), name).toBeLessThan(1e-4);
}

describeDevice('Sprig, quantised on load', (context) => {
  let rows: Rows;
  beforeAll(async () => {
    rows = voiceRows(await loadTokenizer(sprigFolder()), 4);
  });

  /** The model's folder with dequantised weights. */
  async function dequantisedFolder({ definition }: LanguageModel, choices: WeightChoices): Promise<FileSet> {
    const files = sprigFolder();
    const source = await openModelWeights(files, definition);
    const types = weightTypes(definition, choices, 'f32', ({ name }) => source.get(name)!.dtype);
    const tensors = await Promise.all(
      definition.weights.map(async (spec) => {
        const { name, shape } = spec;
        const entry = source.get(name)!;
        const bytes = await entry.read();
        const type = types.of(spec);
        const data = isQuantised(type)
          ? dequantise(quantisedRows(bytes, entry.dtype, type, name), type)
          : toFloat32(bytes, entry.dtype);
        return { name, shape, dtype: 'F32' as const, data };
      }),
    );
    const config = await (await files.open('config.json'))!.read(0, (await files.open('config.json'))!.size);
    return memoryFiles({
      'config.json': config,
      'model.safetensors': concatBytes(writeSafetensors(tensors)),
    });
  }

  const load = (
    { device }: AdapterContext,
    baseWeights: WeightChoices,
    precision: 'f32' | 'f16' = 'f32',
  ): Promise<LanguageModel> => LanguageModel.load(device, sprigFolder(), { precision, baseWeights });

  for (const choices of [
    { matrices: 'q8_0' },
    { matrices: 'q4_1', embeddings: 'q4_0' },
    { matrices: 'nf4' },
  ] as const) {
    test(`${JSON.stringify(choices)}: loss, gradients, curve and text are those of the dequantised weights`, async () => {
      const model = await load(context, choices);
      const plain = await LanguageModel.load(context.device, await dequantisedFolder(model, choices), {
        precision: 'f32',
      });
      expect(model.weights.unquantised).toEqual([]);
      expect(model.head).toBeInstanceOf(QuantisedTensor);
      expect(model.weights.bytes).toBeLessThan(
        plain.weights.bytes / (choices.matrices === 'q8_0' ? 3.7 : 5.5),
      );
      await expectSame(model, plain, rows);
      if (choices.matrices !== 'nf4') {
        const [first, second] = [await curve(model, rows), await curve(plain, rows)];
        first.forEach((loss, i) => expect(Math.abs(loss - second[i]), `step ${i + 1}`).toBeLessThan(1e-3));
        expect(first[3]).toBeLessThan(first[0]);
      }
      const texts = await Promise.all(
        [model, plain].map(async (one) => {
          const generator = new Generator(one, 1, 64);
          const [{ ids }] = await generator.generate([rows[0].ids.slice(0, 8)], {
            maxNewTokens: 12,
            sampling: greedy,
            seed: 0,
            stopIds: [],
          });
          await context.device.settle();
          generator.destroy();
          return ids;
        }),
      );
      expect(texts[0]).toEqual(texts[1]);
      await model.destroy();
      await plain.destroy();
    });
  }

  test('activations in f16 on a quantised base give nearly the same', async () => {
    const model = await load(context, { matrices: 'q8_0' });
    const half = await load(context, { matrices: 'q8_0' }, 'f16');
    const [a, b] = [await lossAndGradients(model, rows), await lossAndGradients(half, rows)];
    expect(Math.abs(a.loss - b.loss)).toBeLessThan(2e-2);
    await model.destroy();
    await half.destroy();
  });

  test('quantised weights cannot be trained', async () => {
    await expect(
      LanguageModel.load(context.device, sprigFolder(), {
        trainable: true,
        baseWeights: { matrices: 'q4_1' },
      }),
    ).rejects.toMatchObject({ code: 'weights-frozen' });
  });
});

describeShared('stories260K from GGUF', () => {
  describeDevice('stories260K from GGUF', (context) => {
    const models: LanguageModel[] = [];
    const open = async (type: string, baseWeights?: WeightChoices): Promise<LanguageModel> => {
      const path = sharedPath('reference', 'gguf', `stories260K.${type}.gguf`);
      expect(existsSync(path)).toBe(true);
      const model = await LanguageModel.load(context.device, await modelOf(path), {
        precision: 'f32',
        baseWeights,
      });
      models.push(model);
      return model;
    };
    const ids = Array.from({ length: 40 }, (_, i) => (i * 37 + 5) % 500);
    const rows = [{ ids, labels: ids, supervised: ids.length }] as unknown as Rows;
    afterAll(async () => {
      for (const model of models) await model.destroy();
    });

    for (const type of ['Q8_0', 'Q4_0']) {
      test(`${type} as stored, and as f32`, async () => {
        const blocks = await open(type);
        const layer = blocks.weights.find('model.layers.0.self_attn.q_proj.weight');
        expect(layer).toBeInstanceOf(QuantisedTensor);
        expect((layer as QuantisedTensor).format).toBe(type.toLowerCase());
        await expectSame(blocks, await open(type, { matrices: 'f32' }), rows);
      });
    }

    test('f32 quantised on load has the bits of llama.cpp', async () => {
      const mine = await open('F32', { matrices: 'q4_0', embeddings: 'q4_0' });
      const theirs = await open('Q4_0', { matrices: 'q4_0', embeddings: 'q4_0' });
      for (const { name } of mine.definition.weights) {
        const [a, b] = [mine, theirs].map((model) => model.weights.find(name)!);
        const [first, second] = await Promise.all([a, b].map((weight) => context.device.read(weight)));
        expect(new Uint8Array(first), name).toEqual(new Uint8Array(second));
      }
    });

    test('rows that are not whole blocks stay numbers, and are named', async () => {
      const model = await open('F32', { matrices: 'nf4' });
      // 172 inputs.
      expect(model.weights.unquantised).toContain('model.layers.0.mlp.down_proj.weight');
      await expectSame(model, model, rows);
    });
  });
});
