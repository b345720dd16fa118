/** Qwen 2 and 2.5 (Yang et al., 2024), as in transformers' Qwen2ForCausalLM: Llama with a bias on queries, keys and values. */
import { decoder } from './decoder.ts';
import { readDecoder, readQwenLayers } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const qwen2: Family = {
  modelTypes: ['qwen2'],
  define(reader) {
    const config = readDecoder(reader, { maxPositions: 32_768 });
    return decoder('qwen2', {
      ...config,
      layerKinds: readQwenLayers(reader, config.layers),
      bias: { qkv: true, output: false, mlp: false },
    });
  },
};
