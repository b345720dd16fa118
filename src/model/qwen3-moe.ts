/** Qwen 3 with experts (Yang et al., 2025), as in transformers' Qwen3MoeForCausalLM: Qwen 3 with a mixture of experts in every layer. */
import { decoder } from './decoder.ts';
import { everyLayer, readDecoder, readExperts } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const qwen3Moe: Family = {
  modelTypes: ['qwen3_moe'],
  define(reader) {
    const config = readDecoder(reader, { kvHeads: 4, maxPositions: 32_768 });
    const attention = reader.flag('attention_bias', false);
    const slides = reader.flag('use_sliding_window', false) && reader.fields['sliding_window'] !== null;
    const window = slides ? reader.size('sliding_window', 4096) : 0;
    const width = reader.size('moe_intermediate_size', 768);
    // PEFT takes the MLP of such a layer for experts.
    if (reader.size('decoder_sparse_step', 1) !== 1 || (reader.numbers('mlp_only_layers') ?? []).length > 0)
      throw reader.unsupported('a layer without experts (decoder_sparse_step, mlp_only_layers)');
    return decoder('qwen3_moe', {
      ...config,
      layerKinds: everyLayer(config.layers, { rope: 0, window }),
      queryKeyNorm: 'head',
      bias: { qkv: attention, output: attention, mlp: false },
      experts: readExperts(reader, { count: 128, kept: 8, width }),
    });
  },
};
