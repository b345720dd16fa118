/** Granite 3 (IBM, 2024), as in transformers' GraniteForCausalLM: Llama with a multiplier at every joint. */
import { decoder } from './decoder.ts';
import { readDecoder } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const granite: Family = {
  modelTypes: ['granite'],
  define(reader) {
    const qkv = reader.flag('attention_bias', false);
    const mlp = reader.flag('mlp_bias', false);
    const residualScale = reader.positive('residual_multiplier', 1);
    if (residualScale !== 1 && (qkv || mlp))
      throw reader.unsupported('a residual_multiplier with attention_bias or mlp_bias');
    return decoder('granite', {
      ...readDecoder(reader),
      bias: { qkv, output: qkv, mlp },
      attentionScale: reader.positive('attention_multiplier', 1),
      embeddingScale: reader.positive('embedding_multiplier', 1),
      scalesAll: true,
      residualScale,
      logitScale: 1 / reader.positive('logits_scaling', 1),
    });
  },
};
