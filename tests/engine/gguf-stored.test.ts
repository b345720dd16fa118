/** GGUF files with weights as stored: exactly the numbers of the file, whatever its types. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { modelOf } from '../../src/cli/files.ts';
import { formatOf } from '../../src/engine/shards.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { openModelWeights } from '../../src/model/folder-layout.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { AS_STORED, type WeightChoices } from '../../src/model/weight-types.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { planBase } from '../../src/train/memory-plan.ts';
import type { BlockType } from '../../src/weights/blocks.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { modelFolder } from '../../src/weights/folder.ts';
import { LAYOUT_OF } from '../../src/weights/gguf/take-apart.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { ggufFile, type TensorToWrite } from '../unit/weights/gguf-file.ts';
import { randomMatrix } from '../unit/weights/random-blocks.ts';
import { describeModels } from './adapters.ts';
import { readReference } from './reference-file.ts';
import { worstError } from './run.ts';
import { defaultSpec } from '../../src/settings/spec.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';

describeShared('Whole models of one GGUF type', () => {
  describeModels('Whole models of one GGUF type', (context) => {
    test.each(['Q3_K', 'Q4_K', 'Q5_1', 'Q6_K'] as const)('%s: the logits of transformers', async (type) => {
      const { floats, integers } = await readReference(['reference', 'gguf-k', `${type}.safetensors`]);
      const files = await modelOf(sharedPath('reference', 'gguf-k', `${type}.gguf`));
      const model = await LanguageModel.load(context.device, files, { precision: 'f32' });
      expect(formatOf(model.weights.find('model.layers.0.mlp.up_proj.weight')!)).toBe(LAYOUT_OF[type]);
      const logits = await model.logits(integers.get('ids')!.values);
      expect(worstError(logits, floats.get('logits')!)).toBeLessThan(1e-5);
      await model.destroy();
    });
  });
});

const CHANNELS = 256;
const VOCABULARY = 300;

/** Numbers of ggml's types. */
const GGML: Readonly<Record<BlockType, number>> = {
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q2_K: 10,
  Q3_K: 11,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
  IQ4_NL: 20,
  IQ4_XS: 23,
};

/** Matrices of the model: their rows, their columns, and a type for each, so that all types are among them. */
const MATRICES: Readonly<Record<string, readonly [rows: number, columns: number, type: BlockType]>> = {
  token_embd: [VOCABULARY, CHANNELS, 'Q5_K'],
  output: [VOCABULARY, CHANNELS, 'Q6_K'],
  'blk.0.attn_q': [CHANNELS, CHANNELS, 'Q2_K'],
  'blk.0.attn_k': [128, CHANNELS, 'Q3_K'],
  'blk.0.attn_v': [128, CHANNELS, 'Q4_K'],
  'blk.0.attn_output': [CHANNELS, CHANNELS, 'IQ4_XS'],
  'blk.0.ffn_gate': [512, CHANNELS, 'Q5_0'],
  'blk.0.ffn_up': [512, CHANNELS, 'IQ4_NL'],
  'blk.0.ffn_down': [CHANNELS, 512, 'Q5_1'],
  'blk.1.attn_q': [CHANNELS, CHANNELS, 'Q4_0'],
  'blk.1.attn_k': [128, CHANNELS, 'Q4_1'],
  'blk.1.attn_v': [128, CHANNELS, 'Q8_0'],
  'blk.1.attn_output': [CHANNELS, CHANNELS, 'Q5_K'],
  'blk.1.ffn_gate': [512, CHANNELS, 'Q2_K'],
  'blk.1.ffn_up': [512, CHANNELS, 'Q6_K'],
  'blk.1.ffn_down': [CHANNELS, 512, 'Q3_K'],
};

/** A model of random blocks, whose vectors are all ones. */
function modelOfBlocks(
  architecture: string,
  matrices: Readonly<Record<string, readonly [rows: number, columns: number, type: BlockType]>>,
  vectors: Readonly<Record<string, number>>,
  sizes: Readonly<Record<string, { u32: number } | { f32: number }>>,
): Promise<FileSet> {
  const tensors: TensorToWrite[] = Object.entries(matrices).map(([name, [rows, columns, type]], i) => ({
    name: `${name}.weight`,
    shape: [rows, columns],
    type: GGML[type],
    data: randomMatrix(type, rows, columns, i + 1),
  }));
  for (const [name, size] of Object.entries(vectors))
    tensors.push({
      name,
      shape: [size],
      type: 0,
      data: new Uint8Array(new Float32Array(size).fill(1).buffer),
    });
  const metadata = {
    'general.architecture': { text: architecture },
    ...Object.fromEntries(Object.entries(sizes).map(([key, value]) => [`${architecture}.${key}`, value])),
  };
  return modelFolder(memoryFiles({ 'model.gguf': ggufFile({ metadata, tensors }) }));
}

const SIZES = {
  embedding_length: { u32: CHANNELS },
  feed_forward_length: { u32: 512 },
  'attention.head_count': { u32: 8 },
  context_length: { u32: 128 },
};

function llama(): Promise<FileSet> {
  const norms = ['output', 'blk.0.attn', 'blk.0.ffn', 'blk.1.attn', 'blk.1.ffn'];
  return modelOfBlocks(
    'llama',
    MATRICES,
    Object.fromEntries(norms.map((name) => [`${name}_norm.weight`, CHANNELS])),
    {
      ...SIZES,
      block_count: { u32: 2 },
      'attention.head_count_kv': { u32: 4 },
      'attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    },
  );
}

/** Its folder has linear layers transposed, its GGUF file has not. */
function gpt2(): Promise<FileSet> {
  const norms = ['output_norm', 'blk.0.attn_norm', 'blk.0.ffn_norm'];
  return modelOfBlocks(
    'gpt2',
    {
      token_embd: [VOCABULARY, CHANNELS, 'Q6_K'],
      position_embd: [128, CHANNELS, 'Q8_0'],
      'blk.0.attn_qkv': [3 * CHANNELS, CHANNELS, 'Q4_K'],
      'blk.0.attn_output': [CHANNELS, CHANNELS, 'Q6_K'],
      'blk.0.ffn_up': [512, CHANNELS, 'Q3_K'],
      'blk.0.ffn_down': [CHANNELS, 512, 'Q5_1'],
    },
    {
      ...Object.fromEntries(
        norms.flatMap((name) => [`${name}.weight`, `${name}.bias`].map((one) => [one, CHANNELS])),
      ),
      'blk.0.attn_qkv.bias': 3 * CHANNELS,
      'blk.0.attn_output.bias': CHANNELS,
      'blk.0.ffn_up.bias': 512,
      'blk.0.ffn_down.bias': CHANNELS,
    },
    { ...SIZES, block_count: { u32: 1 }, 'attention.layer_norm_epsilon': { f32: 1e-5 } },
  );
}

/** Two models: one with all types of blocks, and one of the family whose folder has its matrices transposed. */
const MODELS = { 'a Llama of all GGUF types': llama, 'a GPT-2 of blocks': gpt2 };

for (const [name, make] of Object.entries(MODELS))
  describeModels(`GGUF as stored: ${name}`, (context) => {
    let files: FileSet;
    let stored: LanguageModel;
    let numbers: LanguageModel;
    const ids = Array.from({ length: 40 }, (_, i) => (i * 37 + 5) % VOCABULARY);

    const load = (baseWeights?: WeightChoices): Promise<LanguageModel> =>
      LanguageModel.load(context.device, files, { precision: 'f32', baseWeights });

    beforeAll(async () => {
      files = await make();
      stored = await load();
      for (const { path } of stored.definition.linears)
        expect(formatOf(stored.weights.find(`${path}.weight`)!), path).toBeDefined();
      numbers = await load({ matrices: 'f32' });
    });
    afterAll(async () => {
      await stored.destroy();
      await numbers.destroy();
    });

    test('logits are those of its numbers in f32', async () => {
      const expected = await numbers.logits(ids);
      expect(worstError(await stored.logits(ids), expected)).toBeLessThan(1e-5);
      // What rounding to eight bits would have done.
      const rounded = await load({ matrices: 'q8_0', embeddings: 'q8_0' });
      expect(worstError(await rounded.logits(ids), expected)).toBeGreaterThan(1e-4);
      await rounded.destroy();
    });

    test('loss and gradients of an adapter are those of its numbers in f32', async () => {
      const [first, second] = [await lossAndGradients(stored), await lossAndGradients(numbers)];
      expect(Math.abs(first.loss - second.loss)).toBeLessThan(1e-5);
      expect(first.gradients.size).toBeGreaterThan(0);
      for (const [name, expected] of second.gradients)
        expect(worstError(first.gradients.get(name)!, expected), name).toBeLessThan(1e-4);
    });

    async function lossAndGradients(model: LanguageModel): ReturnType<typeof computeGradients> {
      const modules = adapterModules(model.definition, defaultSpec());
      const tensors = initialTensors(modules, 7);
      for (const [name, values] of tensors)
        if (name.includes('lora_B'))
          tensors.set(
            name,
            values.map((_, i) => 0.02 * Math.sin(i)),
          );
      const adapter = new Adapter(model.device, modules, tensors, { trainable: true });
      const result = await computeGradients({ model, adapter, store: adapter.store }, [{ ids, labels: ids }]);
      await model.device.settle();
      adapter.destroy();
      return result;
    }

    test('merges to the same file, with weights as stored or as numbers', async () => {
      const { definition } = stored;
      const source = await openModelWeights(files, definition);
      const config = adapterConfigOf(defaultSpec());
      const modules = adapterModules(definition, config);
      const adapter = { config, modules, tensors: initialTensors(modules, 7) };
      const [held, read] = await Promise.all(
        [AS_STORED, undefined].map(async (choices) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of mergedWeights(definition, source, adapter, choices)) chunks.push(chunk);
          return Buffer.concat(chunks);
        }),
      );
      expect(held.equals(read)).toBe(true);
    });

    test('takes the bytes that are planned', async () => {
      const { device, definition, storedAs } = stored;
      await device.settle();
      const before = device.allocatedBytes;
      const again = await load();
      const { bytes } = planBase(device.lowering, definition, { precision: 'f32', storedAs });
      expect(device.allocatedBytes - before).toBe(bytes - (device.lowering.deviceBytes ?? 0));
      expect(again.weights.bytes).toBeLessThan(numbers.weights.bytes / 4);
      await again.destroy();
    });
  });
