/**
 * Blocks of 256 values with scales for runs of 16 or 32, themselves quantised (ggml/src/ggml-quants.c, `dequantize_row_q2_K` and the following).
 * In the comments, `name[n]` is n bytes in the order of the block.
 */
import type { BlockType } from '../blocks.ts';
import { float16At } from '../half.ts';
import type { Unpack } from './dequantise.ts';

const signed = (byte: number): number => (byte << 24) >> 24;

/** The eight 6-bit scales and eight 6-bit minima of Q4_K and Q5_K, packed in twelve bytes. */
function scaleAndMin(block: Uint8Array, at: number, run: number): [scale: number, min: number] {
  if (run < 4) return [block[at + run] & 63, block[at + run + 4] & 63];
  const low = block[at + run + 4];
  return [(low & 15) | ((block[at + run - 4] >> 6) << 4), (low >> 4) | ((block[at + run] >> 6) << 4)];
}

/** scales[16] qs[64] d dmin: runs of 16, a 4-bit scale and a 4-bit minimum each. */
const Q2_K: Unpack = (block, at, out, to) => {
  const d = float16At(block, at + 80);
  const dmin = float16At(block, at + 82);
  for (let run = 0; run < 16; run++) {
    const scale = d * (block[at + run] & 15);
    const min = dmin * (block[at + run] >> 4);
    // 128 values lie in 32 bytes: pairs of bits hold values 0-31, 32-63, 64-95, 96-127.
    const qs = at + 16 + (run >> 3) * 32 + (run & 1) * 16;
    const shift = ((run >> 1) & 3) * 2;
    for (let l = 0; l < 16; l++) out[to + run * 16 + l] = scale * ((block[qs + l] >> shift) & 3) - min;
  }
};

/** hmask[32] qs[64] scales[12] d: as Q2_K with a third bit in hmask, a signed 6-bit scale and no minimum. */
const Q3_K: Unpack = (block, at, out, to) => {
  const d = float16At(block, at + 108);
  for (let run = 0; run < 16; run++) {
    const low = run < 8 ? block[at + 96 + run] & 15 : block[at + 88 + run] >> 4;
    const high = (block[at + 104 + (run & 3)] >> ((run >> 2) * 2)) & 3;
    const scale = d * ((low | (high << 4)) - 32);
    const qs = at + 32 + (run >> 3) * 32 + (run & 1) * 16;
    const shift = ((run >> 1) & 3) * 2;
    const hmask = at + (run & 1) * 16;
    const bit = run >> 1;
    for (let l = 0; l < 16; l++) {
      const value = ((block[qs + l] >> shift) & 3) - ((block[hmask + l] >> bit) & 1 ? 0 : 4);
      out[to + run * 16 + l] = scale * value;
    }
  }
};

/** d dmin scales[12] qs[128]: runs of 32; the low and the high four bits of 32 bytes are two runs. */
const Q4_K: Unpack = (block, at, out, to) => {
  const d = float16At(block, at);
  const dmin = float16At(block, at + 2);
  for (let run = 0; run < 8; run++) {
    const [sc, m] = scaleAndMin(block, at + 4, run);
    const scale = d * sc;
    const min = dmin * m;
    const qs = at + 16 + (run >> 1) * 32;
    const shift = (run & 1) * 4;
    for (let l = 0; l < 32; l++) out[to + run * 32 + l] = scale * ((block[qs + l] >> shift) & 15) - min;
  }
};

/** d dmin scales[12] qh[32] qs[128]: as Q4_K; bit `run` of qh is the fifth. */
const Q5_K: Unpack = (block, at, out, to) => {
  const d = float16At(block, at);
  const dmin = float16At(block, at + 2);
  for (let run = 0; run < 8; run++) {
    const [sc, m] = scaleAndMin(block, at + 4, run);
    const scale = d * sc;
    const min = dmin * m;
    const qs = at + 48 + (run >> 1) * 32;
    const shift = (run & 1) * 4;
    for (let l = 0; l < 32; l++) {
      const value = ((block[qs + l] >> shift) & 15) | (((block[at + 16 + l] >> run) & 1) << 4);
      out[to + run * 32 + l] = scale * value - min;
    }
  }
};

/** ql[128] qh[64] scales[16] d: runs of 16 with an 8-bit scale; four low bits in ql, two high bits in qh. */
const Q6_K: Unpack = (block, at, out, to) => {
  const d = float16At(block, at + 208);
  for (let run = 0; run < 16; run++) {
    const scale = d * signed(block[at + 192 + run]);
    // 128 values: 64 bytes of ql hold 0-63 in their low bits and 64-127 in their high bits, 32 bytes of qh four times two bits.
    const part = (run >> 1) & 3;
    const ql = at + (run >> 3) * 64 + (part & 1) * 32 + (run & 1) * 16;
    const qh = at + 128 + (run >> 3) * 32 + (run & 1) * 16;
    const shift = (part >> 1) * 4;
    for (let l = 0; l < 16; l++) {
      const value = ((block[ql + l] >> shift) & 15) | (((block[qh + l] >> (part * 2)) & 3) << 4);
      out[to + run * 16 + l] = scale * (value - 32);
    }
  }
};

export const kQuants = { Q2_K, Q3_K, Q4_K, Q5_K, Q6_K } satisfies Partial<Record<BlockType, Unpack>>;
