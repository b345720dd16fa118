/**
 * Blocks of 256 values with scales for runs of 16 or 32, themselves quantised (ggml/src/ggml-quants.c, `dequantize_row_q2_K` and the following).
 * In the comments, `name[n]` is n bytes in the order of the block. Where the scales go, d and dmin come first, then sixteen bytes.
 */
import type { BlockType } from '../blocks.ts';
import { copyScales } from './small-blocks.ts';
import type { TakeApart } from './take-apart.ts';

/** scales[16] qs[64] d dmin: runs of 16, a 4-bit scale and a 4-bit minimum each. */
const Q2_K: TakeApart = (block, at, { quants, scales }, q, s) => {
  copyScales(block, at + 80, 4, scales, s);
  copyScales(block, at, 16, scales, s + 4);
  for (let run = 0; run < 16; run++) {
    // 128 values lie in 32 bytes: pairs of bits hold values 0-31, 32-63, 64-95, 96-127.
    const qs = at + 16 + (run >> 3) * 32 + (run & 1) * 16;
    const shift = ((run >> 1) & 3) * 2;
    for (let l = 0; l < 16; l++) quants[q + run * 16 + l] = (block[qs + l] >> shift) & 3;
  }
};

/** hmask[32] qs[64] scales[12] d: as Q2_K with a third bit in hmask, a signed 6-bit scale and no minimum. */
const Q3_K: TakeApart = (block, at, { quants, scales }, q, s) => {
  copyScales(block, at + 108, 2, scales, s);
  for (let run = 0; run < 16; run++) {
    const low = run < 8 ? block[at + 96 + run] & 15 : block[at + 88 + run] >> 4;
    const high = (block[at + 104 + (run & 3)] >> ((run >> 2) * 2)) & 3;
    scales[s + 4 + run] = (low | (high << 4)) - 32;
    const qs = at + 32 + (run >> 3) * 32 + (run & 1) * 16;
    const shift = ((run >> 1) & 3) * 2;
    const hmask = at + (run & 1) * 16;
    const bit = run >> 1;
    for (let l = 0; l < 16; l++)
      quants[q + run * 16 + l] = ((block[qs + l] >> shift) & 3) | (((block[hmask + l] >> bit) & 1) << 2);
  }
};

/** d dmin scales[12]: the eight 6-bit scales and eight 6-bit minima of Q4_K and Q5_K. */
function scalesAndMinima(block: Uint8Array, at: number, scales: Uint8Array, s: number): void {
  copyScales(block, at, 4, scales, s);
  for (let run = 0; run < 4; run++) {
    const [scale, min, rest] = [block[at + 4 + run], block[at + 8 + run], block[at + 12 + run]];
    scales[s + 4 + 2 * run] = scale & 63;
    scales[s + 5 + 2 * run] = min & 63;
    scales[s + 12 + 2 * run] = (rest & 15) | ((scale >> 6) << 4);
    scales[s + 13 + 2 * run] = (rest >> 4) | ((min >> 6) << 4);
  }
}

/** d dmin scales[12] qs[128]: runs of 32; the low and the high four bits of 32 bytes are two runs. */
const Q4_K: TakeApart = (block, at, { quants, scales }, q, s) => {
  scalesAndMinima(block, at, scales, s);
  for (let run = 0; run < 8; run++) {
    const qs = at + 16 + (run >> 1) * 32;
    const shift = (run & 1) * 4;
    for (let l = 0; l < 32; l++) quants[q + run * 32 + l] = (block[qs + l] >> shift) & 15;
  }
};

/** d dmin scales[12] qh[32] qs[128]: as Q4_K; bit `run` of qh is the fifth. */
const Q5_K: TakeApart = (block, at, { quants, scales }, q, s) => {
  scalesAndMinima(block, at, scales, s);
  for (let run = 0; run < 8; run++) {
    const qs = at + 48 + (run >> 1) * 32;
    const shift = (run & 1) * 4;
    for (let l = 0; l < 32; l++)
      quants[q + run * 32 + l] = ((block[qs + l] >> shift) & 15) | (((block[at + 16 + l] >> run) & 1) << 4);
  }
};

/** ql[128] qh[64] scales[16] d: runs of 16 with an 8-bit scale; four low bits in ql, two high bits in qh. */
const Q6_K: TakeApart = (block, at, { quants, scales }, q, s) => {
  copyScales(block, at + 208, 2, scales, s);
  copyScales(block, at + 192, 16, scales, s + 4);
  for (let run = 0; run < 16; run++) {
    // 128 values: 64 bytes of ql hold 0-63 in their low bits and 64-127 in their high bits, 32 bytes of qh four times two bits.
    const part = (run >> 1) & 3;
    const ql = at + (run >> 3) * 64 + (part & 1) * 32 + (run & 1) * 16;
    const qh = at + 128 + (run >> 3) * 32 + (run & 1) * 16;
    const shift = (part >> 1) * 4;
    for (let l = 0; l < 16; l++)
      quants[q + run * 16 + l] =
        (((block[ql + l] >> shift) & 15) | (((block[qh + l] >> (part * 2)) & 3) << 4)) - 32;
  }
};

export const kQuants = { Q2_K, Q3_K, Q4_K, Q5_K, Q6_K } satisfies Partial<Record<BlockType, TakeApart>>;
