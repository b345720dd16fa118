/** Mistral (Jiang et al., 2023), as in transformers' MistralForCausalLM: Llama with a sliding window in every layer. */
import { decoder } from './decoder.ts';
import { everyLayer, readDecoder } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const mistral: Family = {
  modelTypes: ['mistral'],
  define(reader) {
    const config = readDecoder(reader, { kvHeads: 8, maxPositions: 131_072 });
    // Without the field there is a window of 4096; later models switch it off with null.
    const window = reader.fields['sliding_window'] === null ? 0 : reader.size('sliding_window', 4096);
    return decoder('mistral', { ...config, layerKinds: everyLayer(config.layers, { rope: 0, window }) });
  },
};
