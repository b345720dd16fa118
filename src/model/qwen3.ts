/** Qwen 3 (Yang et al., 2025), as in transformers' Qwen3ForCausalLM: Llama with a norm of each head of queries and keys. */
import { decoder } from './decoder.ts';
import { readDecoder, readQwenLayers } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const qwen3: Family = {
  modelTypes: ['qwen3'],
  define(reader) {
    const config = readDecoder(reader, { headSize: 128, maxPositions: 32_768 });
    const attention = reader.flag('attention_bias', false);
    return decoder('qwen3', {
      ...config,
      layerKinds: readQwenLayers(reader, config.layers),
      queryKeyNorm: 'head',
      bias: { qkv: attention, output: attention, mlp: false },
    });
  },
};
