/** Adapters as files: written and read again they compute the same, merged they compute nearly the same. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mergedWeights } from '../../src/export/merge.ts';
import { readPeft, writePeft, type AdapterData } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import type { LoraConfig } from '../../src/adapters/lora/config.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { openWeights } from '../../src/weights/folder.ts';
import { concatBytes } from '../../src/weights/safetensors.ts';
import { describeShared, sharedFolder } from '../shared.ts';
import { describeDevice } from './adapters.ts';
import { worstError } from './run.ts';
import { sprigFolder } from './sprig.ts';
import { defaultSpec } from '../../src/settings/spec.ts';

const IDS = [1, 653, 202, 710, 2, 202, 1, 655, 202, 710, 4, 848, 445, 316];

describeDevice('Adapters', (context) => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
  });
  afterAll(() => model.destroy());

  function adapterData(changes: Partial<LoraConfig>): AdapterData {
    const config = { ...defaultSpec(), ...changes };
    const modules = adapterModules(model.definition, config);
    const tensors = initialTensors(modules, 3);
    for (const values of tensors.values())
      values.forEach((value, i) => (values[i] = value + 0.05 * Math.sin(i)));
    return { config, modules, tensors };
  }

  async function logitsOf(on: LanguageModel, { modules, tensors }: AdapterData): Promise<Float32Array> {
    const adapter = new Adapter(context.device, modules, tensors, { trainable: false });
    const logits = await on.logits(IDS, adapter);
    await context.device.settle();
    adapter.destroy();
    return logits;
  }

  test.each<[string, Partial<LoraConfig>]>([
    ['plain, of a rank that is padded', { rank: 5 }],
    ['rsLoRA', { rsLora: true }],
    ['patterns', { rankPattern: { q_proj: 2, 'layers.3.mlp.up_proj': 6 }, alphaPattern: { down_proj: 40 } }],
  ])('exported and imported, they give identical logits: %s', async (_, changes) => {
    const data = adapterData(changes);
    const logits = await logitsOf(model, data);
    expect(worstError(logits, await model.logits(IDS))).toBeGreaterThan(1e-2);
    const again = await readPeft(memoryFiles(writePeft(data, { baseModel: 'sprig' }), 'a'), model.definition);
    expect(Buffer.compare(bytes(await logitsOf(model, again)), bytes(logits))).toBe(0);
  });

  test('give the values that were written to them, whatever their rank', async () => {
    const data = adapterData({ rank: 5, targets: ['k_proj', 'o_proj'] });
    const adapter = new Adapter(context.device, data.modules, data.tensors, { trainable: true });
    expect(await adapter.read()).toEqual(data.tensors);
    adapter.write(data.tensors, 'second');
    expect(await adapter.read('second')).toEqual(data.tensors);
    expect([...(await adapter.read('first')).values()].every((values) => values.every((v) => v === 0))).toBe(
      true,
    );
    adapter.destroy();
  });

  /** The model folder with the adapter merged into it. */
  async function merge(
    files: FileSet,
    data: AdapterData,
    definition: LanguageModel['definition'],
  ): Promise<FileSet> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of mergedWeights(definition, await openWeights(files), data)) chunks.push(chunk);
    const config = (await files.open('config.json'))!;
    return memoryFiles(
      { 'config.json': await config.read(0, config.size), 'model.safetensors': concatBytes(chunks) },
      'merged',
    );
  }

  // The bundled model is stored in f16, so that merging rounds its weights once more: to 11 bits.
  test('merged into an f16 base, logits differ by its rounding', async () => {
    const data = adapterData({ rank: 4 });
    const files = await merge(sprigFolder(), data, model.definition);
    expect((await openWeights(files)).get('lm_head.weight')).toBeUndefined();
    const merged = await LanguageModel.load(context.device, files, { precision: 'f32' });
    const error = worstError(await merged.logits(IDS), await logitsOf(model, data));
    expect(error).toBeLessThan(5e-3);
    await merged.destroy();
  });

  describeShared('the reference files', () => {
    test.each(['lora', 'attention_only', 'rslora', 'patterns', 'dora'])(
      'merged into an f32 base, logits are those of the adapter: %s',
      async (name) => {
        const path = sharedFolder('models', 'stories260K');
        const base = await LanguageModel.load(context.device, path, { precision: 'f32' });
        const data = await readPeft(
          sharedFolder('reference', 'stories260K', name, 'adapter'),
          base.definition,
        );
        const files = await merge(path, data, base.definition);
        expect((await openWeights(files)).names().includes('lm_head.weight')).toBe(
          base.definition.shape.head === 'lm_head.weight',
        );
        const merged = await LanguageModel.load(context.device, files, { precision: 'f32' });
        const adapter = new Adapter(context.device, data.modules, data.tensors, { trainable: false });
        const ids = [1, 403, 407, 261, 378, 269];
        const [ours, expected, plain] = [
          await merged.logits(ids),
          await base.logits(ids, adapter),
          await base.logits(ids),
        ];
        expect(worstError(ours, expected)).toBeLessThan(1e-5);
        expect(worstError(plain, expected)).toBeGreaterThan(1e-3);
        await context.device.settle();
        adapter.destroy();
        await merged.destroy();
        await base.destroy();
      },
    );
  });
});

function bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
