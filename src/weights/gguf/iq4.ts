/** Four bits that name one of sixteen levels, denser around zero. */
import type { BlockType } from '../blocks.ts';
import { float16At } from '../half.ts';
import type { Unpack } from './dequantise.ts';

/** ggml-common.h, `kvalues_iq4nl`. */
const LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** d qs[16]: one run of 32. */
const IQ4_NL: Unpack = (block, at, out, to) => unpackLevels(float16At(block, at), block, at + 2, out, to);

/** d scales_h[2] scales_l[4] qs[128]: runs of 32 levels, a signed 6-bit scale each. */
const IQ4_XS: Unpack = (block, at, out, to) => {
  const d = float16At(block, at);
  const high = block[at + 2] | (block[at + 3] << 8);
  for (let run = 0; run < 8; run++) {
    const low = (block[at + 4 + (run >> 1)] >> ((run & 1) * 4)) & 15;
    const scale = d * ((low | (((high >> (run * 2)) & 3) << 4)) - 32);
    unpackLevels(scale, block, at + 8 + run * 16, out, to + run * 32);
  }
};

function unpackLevels(scale: number, block: Uint8Array, at: number, out: Float32Array, to: number): void {
  for (let l = 0; l < 16; l++) {
    const byte = block[at + l];
    out[to + l] = scale * LEVELS[byte & 15];
    out[to + l + 16] = scale * LEVELS[byte >> 4];
  }
}

export const iq4 = { IQ4_NL, IQ4_XS } satisfies Partial<Record<BlockType, Unpack>>;
