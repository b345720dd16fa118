/**
 * Every family against transformers, on small random models that transformers makes: logits, gradients of all weights, adapters that PEFT
 * loads, and merged folders. With settings that the reference files beside the checkout do not have.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDawn } from '../../src/cli/dawn.ts';
import { file, folder, makeFolder, writeFolder, writeWhole } from '../../src/cli/files.ts';
import { copyCompanions } from '../../src/cli/model-folder.ts';
import type { Device } from '../../src/engine/device.ts';
import { sizeOf } from '../../src/engine/tensor.ts';
import { mergedWeights } from '../../src/export/merge.ts';
import { writePeft } from '../../src/export/peft.ts';
import { openModelWeights, toFolder } from '../../src/model/folder-layout.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import type { LoraModule } from '../../src/adapters/lora/config.ts';
import { adapterModules, adapterShapes } from '../../src/adapters/registry.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { toFloat32 } from '../../src/weights/dtypes.ts';
import { parseSafetensors } from '../../src/weights/safetensors.ts';
import { noise, worstError } from '../engine/run.ts';
import { askPython, python, type Answered } from './ask.ts';
import { defaultSpec } from '../../src/settings/spec.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';

const SIZES = {
  vocab_size: 91,
  hidden_size: 48,
  intermediate_size: 88,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  // An embedding has no gradient for a token of padding, which these rows do not have.
  pad_token_id: null,
};
const GEMMA = {
  ...SIZES,
  head_dim: 16,
  sliding_window: 5,
  sliding_window_pattern: 3,
  query_pre_attn_scalar: 24,
};
/** Targets that PEFT has as parameters. */
const EXPERTS = ['mlp.gate', 'experts.gate_up_proj', 'experts.down_proj'];
const WAVES = Array.from({ length: 4 }, (_, i) => 1 + i / 2);

const configs: Record<string, Record<string, unknown>> = {
  llama: { ...SIZES, model_type: 'llama', attention_bias: true, mlp_bias: true },
  mistral: { ...SIZES, model_type: 'mistral', head_dim: 20, sliding_window: 5 },
  'qwen2, a window from the second layer on': {
    ...SIZES,
    model_type: 'qwen2',
    use_sliding_window: true,
    sliding_window: 4,
    max_window_layers: 1,
  },
  qwen3: { ...SIZES, model_type: 'qwen3', head_dim: 20, tie_word_embeddings: true },
  'gemma3_text, its global layers stretched': {
    ...GEMMA,
    model_type: 'gemma3_text',
    rope_scaling: { rope_type: 'linear', factor: 8 },
  },
  'gemma3, the text of a model that sees': {
    model_type: 'gemma3',
    text_config: { ...GEMMA, model_type: 'gemma3_text' },
    vision_config: {
      model_type: 'siglip_vision_model',
      hidden_size: 16,
      intermediate_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      image_size: 28,
      patch_size: 14,
    },
  },
  'gpt2, scores divided by the layer': {
    model_type: 'gpt2',
    vocab_size: 91,
    n_embd: 48,
    n_layer: 3,
    n_head: 4,
    n_positions: 64,
    scale_attn_by_inverse_layer_idx: true,
  },
  smollm3: { ...SIZES, model_type: 'smollm3', no_rope_layer_interval: 2, mlp_bias: true },
  olmo2: { ...SIZES, model_type: 'olmo2' },
  granite: {
    ...SIZES,
    model_type: 'granite',
    embedding_multiplier: 6,
    attention_multiplier: 0.2,
    residual_multiplier: 0.3,
    logits_scaling: 4,
  },
  'lfm2, with biases': {
    ...SIZES,
    model_type: 'lfm2',
    layer_types: ['conv', 'full_attention', 'conv'],
    block_multiple_of: 8,
    conv_bias: true,
    conv_L_cache: 4,
  },
  'olmoe, weights of experts that do not add up to one': {
    ...SIZES,
    model_type: 'olmoe',
    intermediate_size: 24,
    num_experts: 5,
    num_experts_per_tok: 2,
  },
  qwen3_moe: {
    ...SIZES,
    model_type: 'qwen3_moe',
    num_hidden_layers: 2,
    head_dim: 20,
    moe_intermediate_size: 20,
    num_experts: 7,
    num_experts_per_tok: 3,
    norm_topk_prob: true,
  },
  'phi3, LongRoPE and a window': {
    ...SIZES,
    model_type: 'phi3',
    num_attention_heads: 3,
    num_key_value_heads: 1,
    sliding_window: 6,
    max_position_embeddings: 256,
    original_max_position_embeddings: 32,
    partial_rotary_factor: 0.5,
    rope_scaling: { type: 'longrope', short_factor: WAVES, long_factor: WAVES.map((wave) => 4 * wave) },
  },
};

describe.skipIf(!python)('Families in transformers and PEFT', () => {
  let device: Device;
  let out: string;
  let models: Answered[];
  let adapted: Answered[];
  const names = Object.keys(configs);
  const ours = new Map<string, { base: Float32Array; adapted: Float32Array }>();
  const at = (name: string): string => join(out, name.replace(/\W/g, '-'));
  // Two rows of 16; the logits are of the first.
  const ids = [1, 2].map((seed) =>
    Array.from(noise(16, seed), (value) => Math.floor(Math.abs(value) * 1e6) % 91),
  );
  const labels = ids.map((row, i) => row.map((id, t) => (t < 3 + i ? -100 : id)));

  beforeAll(async () => {
    device = await openDawn('llvmpipe');
    out = mkdtempSync(join(tmpdir(), 'graft-families-'));
    models = await askPython(
      names.map((name) => ({
        model: at(name),
        config: configs[name],
        ids: ids[0],
        gradients: { ids, labels, out: `${at(name)}.gradients` },
      })),
    );
    for (const name of names) ours.set(name, await adapt(name));
    adapted = await askPython(
      names.flatMap((name) => [
        { model: at(name), adapter: `${at(name)}-adapter`, ids: ids[0] },
        { model: `${at(name)}-merged`, ids: ids[0] },
      ]),
    );
  }, 300_000);
  afterAll(() => {
    device?.close();
    rmSync(out, { recursive: true, force: true });
  });

  /** Writes an adapter of random numbers on all linear layers, and the merged model; returns Graft's logits without and with it. */
  async function adapt(name: string): Promise<{ base: Float32Array; adapted: Float32Array }> {
    const files = folder(at(name));
    const model = await LanguageModel.load(device, files, { precision: 'f32' });
    const parameters = EXPERTS.filter((target) =>
      model.definition.linears.some(({ path }) => path.endsWith(target)),
    );
    const config = adapterConfigOf({ ...defaultSpec(), rank: 3, targets: ['all-linear', ...parameters] });
    const modules = adapterModules(model.definition, config) as LoraModule[];
    const tensors = new Map(
      [...adapterShapes(modules)].map(([tensor, shape], i) => [
        tensor,
        Float32Array.from(noise(sizeOf(shape), i + 1, 0.1)),
      ]),
    );
    const data = { config, modules, tensors };
    await writeFolder(`${at(name)}-adapter`, writePeft(data, { baseModel: at(name) }));
    const weights = await openModelWeights(files, model.definition);
    await makeFolder(`${at(name)}-merged`);
    await writeWhole(
      join(`${at(name)}-merged`, 'model.safetensors'),
      mergedWeights(model.definition, weights, data),
    );
    await copyCompanions(files, `${at(name)}-merged`);
    const adapter = new Adapter(device, modules, tensors, { trainable: false });
    const logits = { base: await model.logits(ids[0]), adapted: await model.logits(ids[0], adapter) };
    adapter.destroy();
    await model.destroy();
    return logits;
  }

  const flat = (logits: readonly number[][]): Float32Array => Float32Array.from(logits.flat());

  test.each(names)('%s: logits, an adapter in PEFT, a merged model', (name) => {
    const i = names.indexOf(name);
    const logits = ours.get(name)!;
    expect(worstError(logits.base, flat(models[i].logits))).toBeLessThan(1e-4);
    expect(worstError(logits.adapted, flat(adapted[2 * i].logits))).toBeLessThan(1e-4);
    expect(worstError(logits.adapted, flat(adapted[2 * i + 1].logits))).toBeLessThan(1e-4);
    expect(worstError(logits.adapted, logits.base)).toBeGreaterThan(1e-2);
  });

  test.each(names)('%s: gradients of all weights', async (name) => {
    const model = await LanguageModel.load(device, folder(at(name)), { precision: 'f32', trainable: true });
    const rows = ids.map((row, i) => ({ ids: row, labels: labels[i] }));
    const store = model.parameters!;
    const plain = await computeGradients({ model, store }, rows);
    const { gradients } = await computeGradients({ model, store }, rows, { checkpointing: true });
    const expected = await parseSafetensors(file(`${at(name)}.gradients`));
    expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const spec of model.definition.weights) {
      const entry = expected.get(spec.name)!;
      const theirs = toFloat32(await entry.read(), entry.dtype);
      const gradient = gradients.get(spec.name)!;
      expect(worstError(toFolder(spec, gradient), theirs), spec.name).toBeLessThan(1e-3);
      expect(worstError(plain.gradients.get(spec.name)!, gradient), spec.name).toBeLessThan(1e-5);
    }
    await model.destroy();
  });
});
