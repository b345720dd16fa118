/**
 * OLMo 2 (Team OLMo, 2025), as in transformers' Olmo2ForCausalLM: Llama with its norms after attention and MLP instead of before, and a norm of
 * queries and keys over all heads at once.
 */
import { decoder } from './decoder.ts';
import { readDecoder } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const olmo2: Family = {
  modelTypes: ['olmo2'],
  define(reader) {
    const attention = reader.flag('attention_bias', false);
    return decoder('olmo2', {
      ...readDecoder(reader, { eps: 1e-5 }),
      norms: { attentionOutput: 'post_attention_layernorm', mlpOutput: 'post_feedforward_layernorm' },
      queryKeyNorm: 'projection',
      bias: { qkv: attention, output: attention, mlp: false },
    });
  },
};
