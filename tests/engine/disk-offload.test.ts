/** Weights of one layer at a time on the device: the numbers are those of the whole model, and the memory is less. */
import { expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { readPeft } from '../../src/export/peft.ts';
import type { JsonObject } from '../../src/json.ts';
import { Embedder } from '../../src/model/embedder.ts';
import { Encoder } from '../../src/model/encoder.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { readPooling } from '../../src/model/pooling.ts';
import { randomFiles } from '../../src/model/random-files.ts';
import { defaultSpec, specOf } from '../../src/settings/spec.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import type { FileSet } from '../../src/weights/bytes.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeDevice } from './adapters.ts';
import { readTensorsOf, referenceFolder } from './reference-file.ts';

const files = (...parts: string[]): FileSet => referenceFolder('families', ...parts);

/** Twelve layers that are larger than the embedding. */
const DEEP: JsonObject = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 192,
  num_hidden_layers: 12,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 160,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
};

describeDevice('disk offload', (context) => {
  const idsOf = async (name: string): Promise<number[]> =>
    (await readTensorsOf(files(name), 'reference.safetensors')).integers.get('ids')!.values.slice(0, 24);

  // Learned positions, two windows and an input norm of each head, convolutions, experts. A software GPU compiles long.
  const names = context.webgpu
    ? ['llama']
    : ['llama', 'gpt2', 'gemma3', 'lfm2', 'olmoe', 'phi3-partial-rope'];
  test.each(names)('the logits of %s are those of the whole model, with an adapter as well', async (name) => {
    const { device } = context;
    const ids = await idsOf(name);
    const [whole, offloaded] = [
      await LanguageModel.load(device, files(name), { precision: 'f32' }),
      await LanguageModel.offloaded(device, files(name), { precision: 'f32' }),
    ];
    const { modules, tensors } = await readPeft(files(name, 'adapter'), whole.definition);
    const adapter = new Adapter(device, modules, tensors, { trainable: false });
    const before = device.allocatedBytes;
    expect(await offloaded.logits(ids)).toEqual(await whole.logits(ids));
    expect(await offloaded.logits(ids, adapter)).toEqual(await whole.logits(ids, adapter));
    const labels = ids.map((id, t) => (t % 3 === 0 ? id : -100));
    expect(await offloaded.logits(ids, undefined, labels)).toEqual(
      await whole.logits(ids, undefined, labels),
    );
    expect(device.allocatedBytes).toBe(before);
    adapter.destroy();
    for (const model of [whole, offloaded]) await model.destroy();
  });

  test('the device holds one layer at a time, by its own count', async () => {
    const { device } = context;
    const ids = Array.from({ length: 24 }, (_, t) => (7 * t) % 160);
    const peakOf = async (how: 'load' | 'offloaded') => {
      device.resetPeak();
      const before = device.peakBytes;
      const model = await LanguageModel[how](device, randomFiles('deep', DEEP), { precision: 'f32' });
      const logits = await model.logits(ids);
      const taken = device.peakBytes - before;
      await model.destroy();
      return { logits, taken };
    };
    const whole = await peakOf('load');
    const offloaded = await peakOf('offloaded');
    expect(offloaded.logits).toEqual(whole.logits);
    // Queries and output, keys and values, the MLP and two norms.
    const layer = 4 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 192 * 64 + 2 * 64);
    expect(whole.taken - offloaded.taken).toBeGreaterThan(11 * layer);
    expect(whole.taken).toBeGreaterThan(4 * offloaded.taken);
  });

  test.skipIf(context.webgpu)('the vectors of an encoder are those of the whole model', async () => {
    const { device } = context;
    const folder = referenceFolder('encoders', 'mean');
    const texts = [[2, 7, 9, 11, 3], Array.from({ length: 31 }, (_, t) => 4 + t), [2, 3]];
    const [whole, offloaded] = await Promise.all(
      [false, true].map(async (offload) => {
        const encoder = await Encoder.load(device, folder, { precision: 'f32', offload });
        const embedder = new Embedder(encoder, await readPooling(folder));
        const vectors = await embedder.embed(texts);
        embedder.destroy();
        await encoder.destroy();
        return vectors;
      }),
    );
    expect(offloaded).toEqual(whole);
  });

  test.skipIf(context.webgpu)('weights in blocks are quantised for each run', async () => {
    const { device } = context;
    const options = { precision: 'f32', baseWeights: { matrices: 'q8_0' } } as const;
    const ids = await idsOf('llama');
    const whole = await LanguageModel.load(device, files('llama'), options);
    const offloaded = await LanguageModel.offloaded(device, files('llama'), options);
    expect(await offloaded.logits(ids)).toEqual(await whole.logits(ids));
    for (const model of [whole, offloaded]) await model.destroy();
  });

  test.skipIf(context.webgpu)(
    'an adapter that needs all weights at once is refused, and so is training',
    async () => {
      const { device } = context;
      const model = await LanguageModel.offloaded(device, files('llama'), { precision: 'f32' });
      const { definition } = model;
      const modules = adapterModules(
        definition,
        adapterConfigOf(specOf({ ...defaultSpec(), method: 'dora' })),
      );
      await graftError(() => Adapter.frozen(model, modules, initialTensors(modules, 1)), 'weights-offloaded');
      const lora = adapterModules(definition, defaultSpec());
      const adapter = new Adapter(device, lora, initialTensors(lora, 1), { trainable: true });
      const ids = await idsOf('llama');
      const rows = [{ ids, labels: ids }];
      await graftError(
        () => computeGradients({ model, adapter, store: adapter.store }, rows),
        'weights-offloaded',
      );
      adapter.destroy();
      await model.destroy();
    },
  );
});
