/**
 * Numbers → blocks of 32 with one scale, as quantize_row_q…_ref of ggml/src/ggml-quants.c makes them: every step is rounded to f32 as there, so that
 * the bytes are the same. The reverse is small-blocks.ts.
 */
import { float32ToFloat16 } from '../half.ts';
import { quantise } from '../quantise.ts';
import { BLOCKS } from '../blocks.ts';

/** @param values whole blocks */
type Quantise = (values: Float32Array) => Uint8Array<ArrayBuffer>;

const BLOCK = 32;
const HALF = BLOCK / 2;
const round = Math.fround;

/** d qs[16]: the low four bits of byte j are value j, the high four value j + 16. */
const Q4_0: Quantise = (values) => {
  const { quants, scales } = quantise(values, 'q4_0');
  const size = BLOCKS.Q4_0.bytes;
  const out = new Uint8Array((values.length / BLOCK) * size);
  const quantAt = (at: number): number => (quants[at >> 1] >> ((at & 1) * 4)) & 15;
  for (let block = 0, at = 0; at < out.length; block++, at += size) {
    out.set(scales.subarray(block * 2, block * 2 + 2), at);
    for (let j = 0; j < HALF; j++)
      out[at + 2 + j] = quantAt(block * BLOCK + j) | (quantAt(block * BLOCK + j + HALF) << 4);
  }
  return out;
};

/** d qs[32]. */
const Q8_0: Quantise = (values) => {
  const { quants, scales } = quantise(values, 'q8_0');
  const size = BLOCKS.Q8_0.bytes;
  const out = new Uint8Array((values.length / BLOCK) * size);
  for (let block = 0, at = 0; at < out.length; block++, at += size) {
    out.set(scales.subarray(block * 2, block * 2 + 2), at);
    out.set(quants.subarray(block * BLOCK, (block + 1) * BLOCK), at + 2);
  }
  return out;
};

/** Five bits: the fifth of all 32 values lies in four bytes before the others. @param q the quant of each value of the block */
function fiveBits(out: Uint8Array, at: number, q: (value: number) => number): void {
  for (let j = 0; j < BLOCK; j++) {
    const quant = q(j);
    out[at + (j >> 3)] |= (quant >> 4) << (j & 7);
    out[at + 4 + (j % HALF)] |= (quant & 15) << (j < HALF ? 0 : 4);
  }
}

function setHalves(out: Uint8Array, at: number, ...values: number[]): void {
  out.set(new Uint8Array(float32ToFloat16(Float32Array.from(values)).buffer), at);
}

/** d qh[4] qs[16]: around zero, with the value of the largest magnitude at −16. */
const Q5_0: Quantise = (values) => {
  const size = BLOCKS.Q5_0.bytes;
  const out = new Uint8Array((values.length / BLOCK) * size);
  for (let start = 0, at = 0; at < out.length; start += BLOCK, at += size) {
    let largest = 0;
    for (let i = start; i < start + BLOCK; i++)
      if (Math.abs(values[i]) > Math.abs(largest)) largest = values[i];
    const d = round(largest / -16);
    const inverse = d === 0 ? 0 : round(1 / d);
    setHalves(out, at, d);
    fiveBits(out, at + 2, (j) => Math.min(31, Math.trunc(round(round(values[start + j] * inverse) + 16.5))));
  }
  return out;
};

/** d m qh[4] qs[16]: from the least value of the block. */
const Q5_1: Quantise = (values) => {
  const size = BLOCKS.Q5_1.bytes;
  const out = new Uint8Array((values.length / BLOCK) * size);
  for (let start = 0, at = 0; at < out.length; start += BLOCK, at += size) {
    const block = values.subarray(start, start + BLOCK);
    const min = Math.min(...block);
    const d = round(round(Math.max(...block) - min) / 31);
    const inverse = d === 0 ? 0 : round(1 / d);
    setHalves(out, at, d, min);
    fiveBits(out, at + 4, (j) => Math.trunc(round(round(round(block[j] - min) * inverse) + 0.5)) & 31);
  }
  return out;
};

export const smallQuantisers = { Q4_0, Q5_0, Q5_1, Q8_0 };
