/** Shapes of real models, which `graft bench` fills with random numbers instead of a download. */
import type { JsonObject } from '../json.ts';

export const BENCH_MODELS: Readonly<Record<string, JsonObject>> = {
  // https://huggingface.co/HuggingFaceTB/SmolLM2-135M
  'SmolLM2-135M': {
    model_type: 'llama',
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    vocab_size: 49_152,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_theta: 100_000,
    hidden_act: 'silu',
    tie_word_embeddings: true,
    eos_token_id: 0,
  },
};
