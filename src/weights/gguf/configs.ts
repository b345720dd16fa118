/** Fields of config.json that single architectures have, from metadata. Keys: `constants.py` of gguf-py, after the architecture's name. */
import { GraftError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { GgufHeader } from './header.ts';

export function hasTensor({ tensors }: GgufHeader, name: string): boolean {
  return tensors.some((tensor) => tensor.name === name);
}

/** Metadata do not mention biases. One bias means that the model has all of its kind: a missing one is then an error. */
export function biasConfig({ tensors }: GgufHeader): JsonObject {
  const has = (pattern: RegExp): boolean => tensors.some(({ name }) => pattern.test(name));
  return {
    attention_bias: has(/^blk\.\d+\.attn_(?:q|k|v|output)\.bias$/),
    mlp_bias: has(/^blk\.\d+\.ffn_(?:gate|up|down)\.bias$/),
  };
}

function unsupported({ source }: GgufHeader, what: string): GraftError {
  return new GraftError(
    'gguf-unsupported',
    `${source.name}: ${what} is not supported.`,
    'Use the Hugging Face folder of the model.',
  );
}

/** Mistral has no architecture of its own: it is Llama, perhaps with a window. */
export function llamaConfig(header: GgufHeader): JsonObject {
  const window = header.metadata.number('llama.attention.sliding_window') ?? 0;
  return window > 0 ? { model_type: 'mistral', sliding_window: window } : {};
}

/** Layers of Gemma 3 27B, whose attention llama.cpp scales by channels per head; in all others it is the size of a head. */
const GEMMA3_27B_LAYERS = 62;

export function gemma3Config({ metadata }: GgufHeader, fields: JsonObject): JsonObject {
  const wide = fields.num_hidden_layers === GEMMA3_27B_LAYERS;
  return {
    query_pre_attn_scalar: wide
      ? Number(fields.hidden_size) / Number(fields.num_attention_heads)
      : fields.head_dim,
    sliding_window: metadata.required('gemma3.attention.sliding_window'),
    rope_theta: metadata.float('gemma3.rope.freq_base') ?? 1_000_000,
    rope_local_base_freq: metadata.float('gemma3.rope.freq_base_swa') ?? 10_000,
    final_logit_softcapping: metadata.float('gemma3.final_logit_softcapping'),
  };
}

export function gpt2Config({ metadata }: GgufHeader, fields: JsonObject): JsonObject {
  const { vocab_size, tie_word_embeddings, bos_token_id, eos_token_id } = fields;
  const renamed: JsonObject = {
    model_type: 'gpt2',
    n_embd: fields.hidden_size,
    n_layer: fields.num_hidden_layers,
    n_head: fields.num_attention_heads,
    n_inner: fields.intermediate_size,
    n_positions: fields.max_position_embeddings,
    layer_norm_epsilon: metadata.float('gpt2.attention.layer_norm_epsilon'),
    vocab_size,
    tie_word_embeddings,
    bos_token_id,
    eos_token_id,
  };
  // Llama's names for the same, which transformers would not read.
  const others = Object.keys(fields).map((name) => [name, undefined] as const);
  return { ...Object.fromEntries(others), ...renamed };
}

/** OLMo 3 has the same architecture in GGUF, with windows. */
export function olmo2Config(header: GgufHeader): JsonObject {
  if ((header.metadata.number('olmo2.attention.sliding_window') ?? 0) > 0)
    throw unsupported(header, 'OLMo 3 (olmo2 with a sliding window)');
  return {};
}

export function graniteConfig({ metadata }: GgufHeader): JsonObject {
  return {
    attention_multiplier: metadata.float('granite.attention.scale') ?? 1,
    embedding_multiplier: metadata.float('granite.embedding_scale') ?? 1,
    residual_multiplier: metadata.float('granite.residual_scale') ?? 1,
    logits_scaling: metadata.float('granite.logit_scale') ?? 1,
  };
}

export function phi3Config({ metadata }: GgufHeader, fields: JsonObject): JsonObject {
  const rotary = metadata.number('phi3.rope.dimension_count') ?? Number(fields.head_dim);
  const window = metadata.number('phi3.attention.sliding_window') ?? 0;
  return {
    partial_rotary_factor: rotary / Number(fields.head_dim),
    sliding_window: window > 0 ? window : null,
  };
}

/** Layers without attention have a filter. The width is written as the model has it. */
export function lfm2Config(header: GgufHeader, fields: JsonObject): JsonObject {
  const { metadata } = header;
  const { intermediate_size, rms_norm_eps, num_hidden_layers } = fields;
  return {
    // Llama's names, which transformers would not read here.
    ...{ rms_norm_eps: undefined, attention_bias: undefined, mlp_bias: undefined },
    intermediate_size,
    block_auto_adjust_ff_dim: false,
    norm_eps: rms_norm_eps,
    rope_theta: metadata.float('lfm2.rope.freq_base') ?? 1_000_000,
    conv_L_cache: metadata.required('lfm2.shortconv.l_cache'),
    layer_types: Array.from({ length: Number(num_hidden_layers) }, (_, layer) =>
      hasTensor(header, `blk.${layer}.shortconv.conv.weight`) ? 'conv' : 'full_attention',
    ),
  };
}
