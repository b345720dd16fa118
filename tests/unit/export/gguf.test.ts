/**
 * A GGUF adapter changes the base by the same amount as Graft's own merge. Its products are put into a model file under the base's names, and read by
 * the reader that is tested on real files of llama.cpp's converter: code that is independent of this export moves the rows back.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { mergedWeights } from '../../../src/export/merge.ts';
import { gguf } from '../../../src/export/formats/gguf.ts';
import { readPeft } from '../../../src/export/peft.ts';
import { defineModel, families, readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { memoryFiles, memorySource } from '../../../src/weights/bytes.ts';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { layerPlace } from '../../../src/weights/gguf/architectures.ts';
import { readGgufHeader } from '../../../src/weights/gguf/header.ts';
import { ggufTensors } from '../../../src/weights/gguf/tensors.ts';
import { writeGguf, type GgufTensorToWrite } from '../../../src/weights/gguf/write.ts';
import { concatBytes, parseSafetensors, type TensorEntry } from '../../../src/weights/safetensors.ts';
import { graftError } from '../expect-graft-error.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const sprig = folder(at('public/models/sprig'));

function adapterOf(name: string, change: object = {}): Record<string, Uint8Array<ArrayBuffer>> {
  const read = (file: string): Buffer => readFileSync(at(`tests/reference/peft/${name}/${file}`));
  const config = JSON.parse(read('adapter_config.json').toString()) as object;
  return {
    'adapter_config.json': new TextEncoder().encode(JSON.stringify({ ...config, ...change })),
    'adapter_model.safetensors': new Uint8Array(read('adapter_model.safetensors')),
  };
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return concatBytes(parts);
}
const floats = async (entry: TensorEntry): Promise<Float32Array> =>
  toFloat32(await entry.read(), entry.dtype, entry.name);

const prepare = async (
  adapter: Record<string, Uint8Array<ArrayBuffer>>,
): Promise<Awaited<ReturnType<typeof gguf.prepare>>> =>
  gguf.prepare({
    ...{ baseModel: 'sprig', base: sprig, model: await readModel(sprig) },
    ...{ adapterName: 'a', adapter },
  });

test.each([
  ['as it is', {}],
  ['with another alpha for a layer', { alpha_pattern: { 'layers.0.self_attn.q_proj': 1 } }],
  ['with rsLoRA', { use_rslora: true }],
])('W + α / r · b · a is the merged weight, %s', async (_, change) => {
  const model = await readModel(sprig);
  const adapter = adapterOf('adapter', change);
  const { files, folder: name } = await prepare(adapter);
  expect([name, files.map((file) => file.name)]).toEqual(['a-gguf', ['a.gguf', 'README.md']]);

  const bytes = await bytesOf(files[0].read());
  expect(bytes.length).toBe(files[0].size);
  const header = await readGgufHeader(memorySource('a.gguf', bytes));
  const { metadata } = header;
  expect(['general.type', 'general.architecture', 'adapter.type'].map((key) => metadata.text(key))).toEqual([
    'adapter',
    'llama',
    'lora',
  ]);
  const alpha = metadata.required('adapter.lora.alpha');

  const stored = new Map(
    header.tensors.map((tensor) => [
      tensor.name,
      {
        shape: tensor.shape,
        data: new Float32Array(bytes.slice(tensor.start, tensor.start + tensor.byteLength).buffer),
      },
    ]),
  );
  const products: GgufTensorToWrite[] = [];
  for (const [key, a] of stored) {
    if (!key.endsWith('.lora_a')) continue;
    const stem = key.slice(0, -'.lora_a'.length);
    const b = stored.get(`${stem}.lora_b`)!;
    const [rank, inputs] = a.shape;
    const [outputs] = b.shape;
    const data = new Float32Array(outputs * inputs);
    for (let n = 0; n < outputs; n++)
      for (let k = 0; k < inputs; k++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += b.data[n * rank + r] * a.data[r * inputs + k];
        data[n * inputs + k] = (alpha / rank) * sum;
      }
    products.push({ name: stem, shape: [outputs, inputs], data });
  }
  expect(products.length).toBe(stored.size / 2);
  expect(products.length).toBeGreaterThan(0);
  const added = concatBytes(
    writeGguf(
      [
        ['general.architecture', 'text', 'llama'],
        ['llama.attention.head_count', 'f32', model.shape.heads],
        ['llama.attention.head_count_kv', 'f32', model.shape.kvHeads],
      ],
      products,
    ),
  );
  const changes = ggufTensors(await readGgufHeader(memorySource('changes.gguf', added)));

  const source = await openModelWeights(sprig, model);
  const read = await readPeft(memoryFiles(adapter, 'a'), model);
  const merged = await parseSafetensors(
    memorySource('merged', await bytesOf(mergedWeights(model, source, read))),
  );
  expect([...changes.keys()].sort()).toEqual(read.modules.map(({ path }) => `${path}.weight`).sort());
  for (const [weight, change] of changes) {
    const [base, wanted, delta] = await Promise.all(
      [source.get(weight)!, merged.get(weight)!, change].map(floats),
    );
    delta.forEach((value, i) => {
      const got = base[i] + value;
      if (Math.abs(got - wanted[i]) > 6e-4 * Math.abs(got) + 1e-6)
        throw new Error(`${weight} differs at ${i}`);
    });
    expect(delta.some((value) => Math.abs(value) > 1e-4)).toBe(true);
  }
});

test('a model that llama.cpp does not have is refused', async () => {
  for (const name of ['dora', 'ia3']) {
    const { what, remedy } = await graftError(() => prepare(adapterOf(name)), 'export-format');
    expect(`${what} ${remedy}`).toMatch(
      /(DoRA|IA3) adapter, and llama\.cpp has LoRA\. Export a merged model/,
    );
  }
});

test('a prompt is not sent to a merged model, which cannot hold it either', async () => {
  const { what, remedy } = await graftError(() => prepare(adapterOf('prompt')), 'export-format');
  expect(what).toMatch(/Prompt tuning adapter, and llama\.cpp has LoRA\.$/i);
  expect(remedy).toMatch(/^A merged model cannot hold it either: export a PEFT folder/);
});

describe('places of layers', () => {
  test('every linear layer of every family has one, and no two the same', () => {
    const sizes = { hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, vocab_size: 100 };
    const heads = { num_attention_heads: 4, num_key_value_heads: 2, head_dim: 16 };
    const more = { rms_norm_eps: 1e-6, max_position_embeddings: 128, rope_theta: 1e4, hidden_act: 'silu' };
    const gpt2 = { n_embd: 64, n_layer: 2, n_head: 4, n_positions: 128 };
    const gemma = { hidden_activation: 'gelu_pytorch_tanh', sliding_window: 32, query_pre_attn_scalar: 16 };
    const granite = {
      ...{ embedding_multiplier: 1, attention_multiplier: 0.1 },
      ...{ residual_multiplier: 1, logits_scaling: 1 },
    };
    for (const model_type of families.flatMap(({ modelTypes }) => modelTypes)) {
      const config = { ...sizes, ...heads, ...more, ...gpt2, ...granite, model_type };
      const whole = model_type.startsWith('gemma') ? { ...config, ...gemma } : config;
      const { linears, modelType } = defineModel(
        model_type === 'gemma3' ? { model_type, text_config: whole } : whole,
        model_type,
      );
      const stems = linears.map(({ path }) => layerPlace(modelType, path)?.stem);
      // Mixtures of experts are not written.
      if (linears.some(({ experts }) => experts !== undefined)) {
        expect(new Set(stems), model_type).toEqual(new Set([undefined]));
        continue;
      }
      expect(stems, model_type).not.toContain(undefined);
      expect(new Set(stems).size).toBe(linears.length);
    }
  });

  test('other models and other paths have none', () => {
    expect(layerPlace('mamba', 'model.layers.0.self_attn.q_proj')).toBeUndefined();
    expect(layerPlace('llama', 'model.layers.0.self_attn.c_attn')).toBeUndefined();
    expect(layerPlace('llama', 'vision.layers.0.self_attn.q_proj')).toBeUndefined();
  });
});
