/** SmolLM3 (Hugging Face, 2025), as in transformers' SmolLM3ForCausalLM: Llama without positions in every fourth layer (NoPE). */
import type { ConfigReader } from './config.ts';
import { decoder } from './decoder.ts';
import { checkWindow, readDecoder, readSliding } from './decoder-config.ts';
import type { Family } from './definition.ts';

export const smollm3: Family = {
  modelTypes: ['smollm3'],
  define(reader) {
    const config = readDecoder(reader, { kvHeads: 4, maxPositions: 32_768, tied: true, theta: 2_000_000 });
    const turned = readTurned(reader, config.layers);
    const window =
      reader.flag('use_sliding_window', false) && reader.has('sliding_window')
        ? reader.size('sliding_window')
        : 0;
    const sliding = readSliding(reader, config.layers, (layer) => window > 0 && !turned[layer]);
    checkWindow(reader, sliding, window);
    const attention = reader.flag('attention_bias', false);
    return decoder('smollm3', {
      ...config,
      layerKinds: turned.map((turns, layer) => ({
        rope: turns ? 0 : undefined,
        window: sliding[layer] ? window : 0,
      })),
      bias: { qkv: attention, output: attention, mlp: reader.flag('mlp_bias', false) },
    });
  },
};

/** Which layers have rotary positions: `no_rope_layers` holds a 1 for those that do. */
function readTurned(reader: ConfigReader, layers: number): boolean[] {
  const list = reader.numbers('no_rope_layers');
  if (list && list.length < layers)
    throw reader.wrong('no_rope_layers', `an entry for each of ${layers} layers`);
  const interval = reader.size('no_rope_layer_interval', 4);
  return Array.from({ length: layers }, (_, layer) =>
    list ? list[layer] !== 0 : (layer + 1) % interval !== 0,
  );
}
