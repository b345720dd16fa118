/** What each family reads from a config.json: transformers' defaults, and what is refused by name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { weightOf, type ModelDefinition } from '../../../src/model/definition.ts';
import { defineModel, families } from '../../../src/model/family.ts';
import { inverseFrequencies } from '../../../src/model/rope.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

type Fields = Record<string, unknown>;

const sizes = {
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};
const text = { ...sizes, model_type: 'gemma3_text', head_dim: 16 };
const longrope = { type: 'longrope', short_factor: [1, 2, 3, 4], long_factor: [5, 6, 7, 8] };
const linear = { rope_type: 'linear', factor: 3 };
const sliding = { layer_types: Array<string>(4).fill('sliding_attention') };
const bases: Record<string, Fields> = {
  llama: sizes,
  mistral: sizes,
  qwen2: sizes,
  qwen3: sizes,
  gemma3_text: text,
  gemma3: { text_config: text },
  gpt2: { vocab_size: 100, n_embd: 64, n_layer: 4, n_head: 4 },
  smollm3: sizes,
  olmo2: sizes,
  granite: sizes,
  phi3: sizes,
  lfm2: { ...sizes, layer_types: ['conv', 'full_attention', 'conv', 'conv'] },
  olmoe: sizes,
  qwen3_moe: sizes,
};

const define = (type: string, changes: Fields = {}): ModelDefinition =>
  defineModel({ ...bases[type], model_type: type, ...changes }, 'm/config.json');

describe('families', () => {
  it('every type of model has a small config here, and weights for all of its layers', () => {
    expect(families.flatMap(({ modelTypes }) => modelTypes).sort()).toEqual(Object.keys(bases).sort());
    for (const type of Object.keys(bases)) {
      const { shape, weights, linears } = define(type);
      const names = new Map(weights.map((spec) => [spec.name, spec]));
      expect(names.size).toBe(weights.length);
      expect(names.get(shape.head!)?.shape).toEqual([100, 64]);
      for (const linear of linears) {
        const { inputs, outputs, transposed, experts } = linear;
        const { shape, ...spec } = names.get(weightOf(linear))!;
        expect(shape).toEqual([...(experts ? [experts] : []), outputs, inputs]);
        expect(spec.transposed).toBe(transposed);
      }
    }
  });

  it('fill in what their configuration classes in transformers do', () => {
    expect(define('qwen3').shape.headSize).toBe(128);
    expect(define('gemma3_text', { head_dim: undefined }).shape).toMatchObject({
      headSize: 256,
      head: 'model.embed_tokens.weight',
      ropes: [{ theta: 1e6 }, { theta: 1e4 }],
    });
    expect(define('gemma3').shape.head).toBe('model.language_model.embed_tokens.weight');
    expect(define('smollm3').shape.ropes).toMatchObject([{ theta: 2e6 }]);
    expect(define('gpt2').weights.find(({ name }) => name.includes('c_fc'))?.shape).toEqual([256, 64]);
    expect(define('mistral', { num_key_value_heads: undefined, num_attention_heads: 16 }).shape.kvHeads).toBe(
      8,
    );
  });

  it('are hybrids by their lists of layers, with the width that the rules of LFM2 give', () => {
    const width = (changes: Fields): unknown =>
      define('lfm2', changes).weights.find(({ name }) => name.endsWith('0.feed_forward.w1.weight'))?.shape[0];
    // The 350M and 1.2B of the hub.
    expect(width({ block_ff_dim: 6656, intermediate_size: undefined })).toBe(4608);
    expect(width({ block_ff_dim: 12_288 })).toBe(8192);
    expect(width({ block_ffn_dim_multiplier: null })).toBe(64);
    expect(width({ block_ffn_dim_multiplier: 2.5, block_multiple_of: 50 })).toBe(200);
    expect(width({ block_auto_adjust_ff_dim: false })).toBe(96);
    const parts = (changes: Fields): unknown =>
      define('lfm2', changes).states?.map((state) => state.map(({ columns, last }) => [columns, last]));
    const [attention, conv] = [[[32], [32]], [[64, 2]]].map((part) => part.map(([c, l]) => [c, l]));
    expect(parts({})).toEqual([conv, attention, conv, conv]);
    expect(parts({ layer_types: undefined, full_attn_idxs: [0, 3] })).toEqual([
      ...[attention, conv],
      ...[conv, attention],
    ]);
    expect(parts({ layer_types: undefined })).toEqual([attention, attention, attention, attention]);
    const { weights, shape } = define('lfm2', { tie_embedding: false, conv_bias: true });
    expect(shape.head).toBe('lm_head.weight');
    expect(
      weights.filter(({ name }) => name.startsWith('model.layers.0.conv.') && name.endsWith('bias')),
    ).toHaveLength(3);
  });

  it('limit the length to what their layers support, if the config promises more', () => {
    const config = {
      num_attention_heads: 8,
      rope_scaling: longrope,
      max_position_embeddings: 4096,
      original_max_position_embeddings: 256,
    };
    expect(define('phi3', config).shape).toMatchObject({ maxPositions: 256, hardLimit: true });
    const [rope] = define('phi3', config).shape.ropes;
    expect(rope.attentionScaling).toBeCloseTo(Math.sqrt(1 + Math.log(16) / Math.log(256)), 12);
    expect(inverseFrequencies(rope)[3]).toBeCloseTo(10_000 ** (-6 / 8) / 4, 8);
    expect(define('gpt2').shape).toMatchObject({ maxPositions: 1024, hardLimit: true });
  });

  it('read the field that transformers reads if there are two', () => {
    const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const scaling = (changes: Fields): unknown => define('llama', changes).shape.ropes[0].scaling;
    const name = 'original_max_position_embeddings';
    const inside = { ...llama3, [name]: 64 };
    expect(scaling({ rope_parameters: llama3, [name]: 32 })).toMatchObject({ original: 32 });
    expect(scaling({ rope_parameters: inside })).toMatchObject({ original: 64 });
    expect(scaling({ rope_parameters: inside, [name]: 32 })).toMatchObject({ original: 32 });
    expect(scaling({ rope_parameters: llama3, max_position_embeddings: 128 })).toMatchObject({
      original: 128,
    });
    expect(scaling({ rope_parameters: linear, rope_scaling: linear })).toMatchObject({ factor: 3 });
    const both = { full_attention: linear, sliding_attention: { rope_type: 'default', rope_theta: 5 } };
    expect(define('gemma3_text', { rope_parameters: both }).shape.ropes).toMatchObject([
      { theta: 1e6, scaling: { factor: 3 } },
      { theta: 5 },
    ]);
  });

  it.each<[string, Fields, string, string]>([
    ['qwen3_next', {}, 'qwen3_next', 'qwen3'],
    ['olmoe', { clip_qkv: 8 }, 'clip_qkv', ''],
    ['olmoe', { output_router_logits: true }, 'output_router_logits', 'false'],
    ['qwen3_moe', { mlp_only_layers: [1] }, 'mlp_only_layers', ''],
    ['qwen3_moe', { moe_intermediate_size: 30 }, 'width 30', 'multiple of 4'],
    ['llama', { hidden_act: 'relu' }, 'relu', 'silu'],
    ['qwen2', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'yarn', 'llama3'],
    ['qwen2', { layer_types: Array(4).fill('linear_attention') }, 'linear_attention', 'sliding_attention'],
    ['gemma3_text', { final_logit_softcapping: 30 }, 'final_logit_softcapping', ''],
    ['gemma3_text', { use_bidirectional_attention: true }, 'use_bidirectional_attention', ''],
    ['gpt2', { add_cross_attention: true }, 'add_cross_attention', ''],
    ['gpt2', { n_head: 1 }, 'head size', ''],
    ['granite', { residual_multiplier: 0.5, mlp_bias: true }, 'residual_multiplier', ''],
    ['phi3', { partial_rotary_factor: 0.2 }, 'rotary', ''],
    [
      'llama',
      { rope_parameters: { rope_type: 'default' }, rope_scaling: linear },
      'rope_scaling and different',
      '',
    ],
    ['llama', { rope_scaling: { ...linear, partial_rotary_factor: 0.5 } }, 'partial_rotary_factor', ''],
    ['smollm3', { ...sliding, use_sliding_window: false, sliding_window: 5 }, 'sliding_attention', ''],
    ['qwen2', { ...sliding, use_sliding_window: false, sliding_window: 5 }, 'sliding_attention', ''],
    ['qwen2', { ...sliding, use_sliding_window: true, sliding_window: null }, 'sliding_attention', ''],
    ['gemma3_text', { rope_parameters: linear }, 'each kind of layer', 'full_attention'],
    ['lfm2', { layer_types: Array(4).fill('linear_attention') }, 'linear_attention', 'conv'],
    ['lfm2', { conv_L_cache: 1 }, 'conv_L_cache', '2 to 17'],
    ['gemma3_text', { rope_parameters: { full_attention: linear } }, 'each kind of layer', ''],
  ])('%s with %j is refused by name, with what is supported', async (type, changes, named, known) => {
    const changed = { ...changes, ...(named === 'head size' && { n_embd: 512 }) };
    const error = await graftError(() => define(type, changed), 'config-unsupported');
    expect(error.what).toContain(named);
    expect(`${error.what} ${error.remedy}`).toContain(known);
  });

  it.each<[string, Fields, string]>([
    ['gemma3', { text_config: 3 }, 'text_config'],
    ['gemma3', { text_config: undefined }, 'text_config'],
    ['gpt2', { n_head: 5 }, 'n_head'],
    ['gpt2', { n_layer: 2 ** 20 }, 'n_layer'],
    ['smollm3', { no_rope_layers: [1] }, 'no_rope_layers'],
    ['qwen3', { layer_types: ['full_attention'] }, 'layer_types'],
    [
      'phi3',
      { rope_scaling: { ...longrope, short_factor: [1] }, original_max_position_embeddings: 9 },
      'short_factor',
    ],
    ['mistral', { sliding_window: 0 }, 'sliding_window'],
    ['lfm2', { layer_types: ['conv'] }, 'layer_types'],
    ['granite', { logits_scaling: 0 }, 'logits_scaling'],
  ])('%s with %j says which field cannot be', async (type, changes, named) => {
    expect((await graftError(() => define(type, changes), 'config-field')).what).toContain(named);
  });

  it('end in a GraftError or in a small definition if they have hostile values', async () => {
    const hostile = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        false,
        '',
        [],
        {},
        [[]],
        0,
        -1,
        0.5,
        1,
        2,
        1024,
        2 ** 24,
        1e300,
        '8',
        [8],
      ),
      fc.constantFrom<unknown>(
        longrope,
        { rope_type: 'longrope' },
        { sliding_attention: 3 },
        { full_attention: {} },
      ),
      fc.jsonValue({ maxDepth: 3 }),
    );
    const fields = [
      ...Object.keys({ ...sizes, ...bases['gpt2'] }),
      ...[
        'head_dim',
        'rope_scaling',
        'rope_parameters',
        'sliding_window',
        'layer_types',
        'no_rope_layers',
        'text_config',
      ],
      ...['sliding_window_pattern', 'partial_rotary_factor', 'original_max_position_embeddings', 'n_inner'],
      ...[
        'query_pre_attn_scalar',
        'embedding_multiplier',
        'logits_scaling',
        'max_window_layers',
        'n_positions',
      ],
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(bases)),
        fc.dictionary(fc.constantFrom(...fields), hostile, { maxKeys: 4 }),
        async (type, changes) => {
          await resultOrGraftError(() => {
            const { shape, weights, linears } = define(type, changes);
            expect(weights.length + linears.length).toBeLessThanOrEqual(24 * 1024);
            for (const rope of shape.ropes) expect(inverseFrequencies(rope)).toHaveLength(rope.rotary / 2);
            for (const { shape: sides } of weights)
              expect(Number.isSafeInteger(sides.reduce((product, side) => product * side, 4))).toBe(true);
          });
        },
      ),
      { numRuns: 1_500 },
    );
  });
});
