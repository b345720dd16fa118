/** Four bits that name one of sixteen levels, denser around zero. The levels are small integers: they become the quants. */
import type { BlockType } from '../blocks.ts';
import { copyScales } from './small-blocks.ts';
import type { TakeApart } from './take-apart.ts';

/** ggml-common.h, `kvalues_iq4nl`. */
const LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** d qs[16]: one run of 32. */
const IQ4_NL: TakeApart = (block, at, { quants, scales }, q, s) => {
  copyScales(block, at, 2, scales, s);
  levels(block, at + 2, quants, q);
};

/** d scales_h[2] scales_l[4] qs[128]: runs of 32 levels, a signed 6-bit scale each. */
const IQ4_XS: TakeApart = (block, at, { quants, scales }, q, s) => {
  copyScales(block, at, 2, scales, s);
  const high = block[at + 2] | (block[at + 3] << 8);
  for (let run = 0; run < 8; run++) {
    const low = (block[at + 4 + (run >> 1)] >> ((run & 1) * 4)) & 15;
    const scale = (low | (((high >> (run * 2)) & 3) << 4)) - 32;
    // A run of 32 is two of 16.
    scales[s + 4 + 2 * run] = scale;
    scales[s + 5 + 2 * run] = scale;
    levels(block, at + 8 + run * 16, quants, q + run * 32);
  }
};

function levels(block: Uint8Array, at: number, quants: Uint8Array, q: number): void {
  for (let l = 0; l < 16; l++) {
    const byte = block[at + l];
    quants[q + l] = LEVELS[byte & 15];
    quants[q + l + 16] = LEVELS[byte >> 4];
  }
}

export const iq4 = { IQ4_NL, IQ4_XS } satisfies Partial<Record<BlockType, TakeApart>>;
