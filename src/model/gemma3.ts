/**
 * Gemma 3 (Gemma Team, 2025), as in transformers' Gemma3ForCausalLM, and the text of Gemma3ForConditionalGeneration: norms before and after
 * attention and MLP, weights of norms that are added to one, GeGLU, a norm of each head of queries and keys, embeddings times √C, and five
 * layers with a window and a rotary base of their own for each one without.
 */
import type { ConfigReader } from './config.ts';
import { decoder, headName } from './decoder.ts';
import { readDecoder, readSliding, type DecoderDefaults } from './decoder-config.ts';
import type { Family, ModelDefinition } from './definition.ts';
import { readRope, ropeParameters, type RopeConfig } from './rope.ts';
import type { DecoderConfig, DecoderNorms } from './shape.ts';

const NORMS: DecoderNorms = {
  attentionInput: 'input_layernorm',
  attentionOutput: 'post_attention_layernorm',
  mlpInput: 'pre_feedforward_layernorm',
  mlpOutput: 'post_feedforward_layernorm',
};

/** Gemma3TextConfig's: the folders of the larger models leave out what agrees with them. */
const DEFAULTS: DecoderDefaults = {
  vocabulary: 262_208,
  channels: 2304,
  width: 9216,
  layers: 26,
  heads: 8,
  kvHeads: 4,
  headSize: 256,
  maxPositions: 131_072,
  tied: true,
  activation: ['hidden_activation', 'gelu_pytorch_tanh'],
};

/** Places of the two rotary embeddings among the model's `ropes`. */
const GLOBAL = 0;
const LOCAL = 1;

export const gemma3: Family = {
  modelTypes: ['gemma3_text', 'gemma3'],
  define(reader): ModelDefinition {
    if (reader.text('model_type') === 'gemma3_text') return decoder('gemma3_text', readText(reader));
    // A model that also sees: its text part, under the names that transformers gives its modules.
    const text = reader.object('text_config');
    if (!text) throw reader.wrong('text_config', 'an object');
    const prefix = 'model.language_model';
    const config = readText(text);
    return decoder(
      'gemma3',
      {
        ...config,
        tied: reader.flag('tie_word_embeddings', config.tied),
        head: headName(prefix, reader.flag('tie_word_embeddings', config.tied)),
        prefix,
      },
      // As the folders were written by transformers 4.
      {
        renamed: [
          [`${prefix}.`, 'language_model.model.'],
          ['lm_head.', 'language_model.lm_head.'],
        ],
      },
    );
  },
};

function readText(reader: ConfigReader): DecoderConfig {
  for (const cap of ['attn_logit_softcapping', 'final_logit_softcapping'])
    if (reader.has(cap)) throw reader.unsupported(cap);
  if (reader.flag('use_bidirectional_attention', false))
    throw reader.unsupported('use_bidirectional_attention');
  const config = readDecoder(reader, { ...DEFAULTS, ropes: (headSize) => readRopes(reader, headSize) });
  const pattern = reader.size('sliding_window_pattern', 6);
  const sliding = readSliding(reader, config.layers, (layer) => (layer + 1) % pattern !== 0);
  const window = reader.size('sliding_window', 4096);
  const attention = reader.flag('attention_bias', false);
  return {
    ...config,
    layerKinds: sliding.map((slides) => (slides ? { rope: LOCAL, window } : { rope: GLOBAL, window: 0 })),
    norms: NORMS,
    normOffset: 1,
    // Trained in bfloat16: activations of the released models go beyond half precision's 65,504 (https://unsloth.ai/blog/gemma3).
    wideActivations: true,
    queryKeyNorm: 'head',
    bias: { qkv: attention, output: attention, mlp: false },
    attentionScale: reader.positive('query_pre_attn_scalar', 256) ** -0.5,
    embeddingScale: Math.sqrt(config.channels),
  };
}

/** One for each kind of layer; before transformers 5 the scaling was for global layers alone. */
function readRopes(reader: ConfigReader, headSize: number): RopeConfig[] {
  const parameters = ropeParameters(reader);
  const both = reader.object('rope_parameters');
  const kinds = ['full_attention', 'sliding_attention'];
  if (both && !kinds.every((kind) => both.has(kind)))
    throw reader.unsupported('rope_parameters without an entry for each kind of layer', kinds);
  const local = both?.object('sliding_attention');
  return [
    readRope(reader, headSize, {
      parameters: both?.object('full_attention') ?? parameters,
      theta: 1_000_000,
    }),
    local
      ? readRope(reader, headSize, { parameters: local, theta: 10_000 })
      : {
          theta: reader.positive('rope_local_base_freq', 10_000),
          rotary: headSize,
          attentionScaling: 1,
          scaling: { type: 'default' },
        },
  ];
}
