/**
 * The config.json of each model of the curated list, without the fields that no plan reads: memory and work of a run are
 * planned from it before anything is fetched.
 */
import type { JsonObject } from '../../json.ts';

const SMOLLM2: JsonObject = {
  model_type: 'llama',
  attention_bias: false,
  hidden_act: 'silu',
  max_position_embeddings: 8192,
  mlp_bias: false,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 100_000,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
  vocab_size: 49_152,
};

const GEMMA3: JsonObject = {
  model_type: 'gemma3_text',
  attention_bias: false,
  head_dim: 256,
  hidden_activation: 'gelu_pytorch_tanh',
  max_position_embeddings: 32_768,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_local_base_freq: 10_000,
  rope_scaling: null,
  rope_theta: 1_000_000,
  sliding_window: 512,
  bos_token_id: 2,
  eos_token_id: [1, 106],
  vocab_size: 262_144,
};

export const SMOLLM2_135M: JsonObject = {
  ...SMOLLM2,
  hidden_size: 576,
  intermediate_size: 1536,
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
};

export const SMOLLM2_360M: JsonObject = {
  ...SMOLLM2,
  hidden_size: 960,
  intermediate_size: 2560,
  num_attention_heads: 15,
  num_hidden_layers: 32,
  num_key_value_heads: 5,
};

export const QWEN25_05B: JsonObject = {
  model_type: 'qwen2',
  hidden_act: 'silu',
  hidden_size: 896,
  intermediate_size: 4864,
  max_position_embeddings: 32_768,
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  tie_word_embeddings: true,
  use_sliding_window: false,
  eos_token_id: 151_645,
  vocab_size: 151_936,
};

export const QWEN3_06B: JsonObject = {
  model_type: 'qwen3',
  attention_bias: false,
  head_dim: 128,
  hidden_act: 'silu',
  hidden_size: 1024,
  intermediate_size: 3072,
  max_position_embeddings: 40_960,
  num_attention_heads: 16,
  num_hidden_layers: 28,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1_000_000,
  sliding_window: null,
  tie_word_embeddings: true,
  use_sliding_window: false,
  eos_token_id: 151_645,
  vocab_size: 151_936,
};

export const LLAMA32_1B: JsonObject = {
  model_type: 'llama',
  attention_bias: false,
  head_dim: 64,
  hidden_act: 'silu',
  hidden_size: 2048,
  intermediate_size: 8192,
  max_position_embeddings: 131_072,
  mlp_bias: false,
  num_attention_heads: 32,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    factor: 32,
    high_freq_factor: 4,
    low_freq_factor: 1,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
  rope_theta: 500_000,
  tie_word_embeddings: true,
  bos_token_id: 128_000,
  eos_token_id: [128_001, 128_008, 128_009],
  vocab_size: 128_256,
};

export const GEMMA3_270M: JsonObject = {
  ...GEMMA3,
  hidden_size: 640,
  intermediate_size: 2048,
  num_hidden_layers: 18,
};

export const GEMMA3_1B: JsonObject = {
  ...GEMMA3,
  hidden_size: 1152,
  intermediate_size: 6912,
  num_hidden_layers: 26,
};

export const GPT2: JsonObject = {
  model_type: 'gpt2',
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
  n_ctx: 1024,
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  bos_token_id: 50_256,
  eos_token_id: 50_256,
  vocab_size: 50_257,
};
