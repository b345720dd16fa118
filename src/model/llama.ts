/** Llama (Touvron et al., 2023; Llama 3, 2024), as in transformers' LlamaForCausalLM: SmolLM2, TinyLlama, Llama 3.x and our own models. */
import { decoder } from './decoder.ts';
import { readDecoder } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const llama: Family = {
  modelTypes: ['llama'],
  define(reader) {
    const attention = reader.flag('attention_bias', false);
    return decoder('llama', {
      ...readDecoder(reader),
      bias: { qkv: attention, output: attention, mlp: reader.flag('mlp_bias', false) },
    });
  },
};
