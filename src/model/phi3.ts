/**
 * Phi-3, 3.5 and 4-mini (Abdin et al., 2024), as in transformers' Phi3ForCausalLM: Llama with fused layers, a rotary embedding of part of each
 * head, and LongRoPE, whose factors change beyond the length of pretraining: longer sequences are refused.
 */
import { decoder } from './decoder.ts';
import { readDecoder } from './decoder-config.ts';
import type { Family } from './definition.ts';
import { readRope } from './rope.ts';

export const phi3: Family = {
  modelTypes: ['phi3'],
  define(reader) {
    const parameters = reader.object('rope_parameters') ?? reader.object('rope_scaling');
    const field = 'partial_rotary_factor';
    const partial = reader.positive(field, 1);
    const config = readDecoder(reader, {
      eps: 1e-5,
      maxPositions: 4096,
      ropes: (headSize) => [
        readRope(reader, headSize, { partial: parameters?.positive(field, partial) ?? partial }),
      ],
    });
    const { scaling } = config.ropes[0];
    const window = reader.has('sliding_window') ? reader.size('sliding_window') : 0;
    const original = scaling.type === 'longrope' ? scaling.original : Infinity;
    return decoder('phi3', {
      ...config,
      layerKinds: config.layerKinds.map((kind) => ({ ...kind, window })),
      maxPositions: Math.min(config.maxPositions, original),
      hardLimit: config.maxPositions > original,
      fused: true,
    });
  },
};
