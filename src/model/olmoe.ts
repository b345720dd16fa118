/**
 * OLMoE (Muennighoff et al., 2024), as in transformers' OlmoeForCausalLM: Llama with a mixture of experts in every layer, and a norm of queries and keys over
 * all heads at once.
 */
import { decoder } from './decoder.ts';
import { readDecoder, readExperts } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const olmoe: Family = {
  modelTypes: ['olmoe'],
  define(reader) {
    const attention = reader.flag('attention_bias', false);
    if (reader.has('clip_qkv')) throw reader.unsupported('clip_qkv');
    const config = readDecoder(reader, { eps: 1e-5, maxPositions: 4096 });
    return decoder('olmoe', {
      ...config,
      queryKeyNorm: 'projection',
      bias: { qkv: attention, output: attention, mlp: false },
      experts: readExperts(reader, { count: 64, kept: 8, width: config.width }),
    });
  },
};
