/**
 * Numbers → quantised blocks: llama.cpp's Q8_0, Q4_0 and Q4_1 (quantize_row_*_ref in ggml/src/ggml-quants.c) and bitsandbytes' NF4 (blocks of
 * 64, absmax in f32; QLoRA, Dettmers et al., 2023). The results equal theirs, bit for bit: every step is rounded to f32 as there.
 */
import { float32ToFloat16, toFloat32 } from './dtypes.ts';
import { NF4_CODE, type BlockFormat, type QuantisedValues } from './layouts.ts';

/** The layouts that numbers can be rounded to. */
export const ROUNDED_TYPES = ['q8_0', 'q4_0', 'q4_1', 'nf4'] as const satisfies readonly BlockFormat[];
export type RoundedType = (typeof ROUNDED_TYPES)[number];

/** @param values whole blocks */
export function quantise(values: Float32Array, type: RoundedType): QuantisedValues {
  switch (type) {
    case 'q8_0':
      return quantiseQ8(values);
    case 'q4_0':
      return quantiseQ4(values, false);
    case 'q4_1':
      return quantiseQ4(values, true);
    case 'nf4':
      return quantiseNf4(values);
  }
}

function quantiseQ8(values: Float32Array): QuantisedValues {
  const quants = new Int8Array(values.length);
  const d = new Float32Array(values.length / 32);
  for (let block = 0; block < d.length; block++) {
    const start = block * 32;
    let max = 0;
    for (let i = start; i < start + 32; i++) max = Math.max(max, Math.abs(values[i]));
    d[block] = max / 127;
    const inverse = d[block] === 0 ? 0 : Math.fround(1 / d[block]);
    for (let i = start; i < start + 32; i++) {
      const scaled = Math.fround(values[i] * inverse);
      // roundf: halves away from zero.
      quants[i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
  return { quants: new Uint8Array(quants.buffer), scales: bytesOf(float32ToFloat16(d)) };
}

/** The most steps of a number of `quantiseRows` from zero. Two products of it with 7 bits, and two more, then fit in 16 bits. */
const ROW_STEPS = 63;

/**
 * Rows in q8_0 whose blocks all have the scale of their row, and numbers from −63 to 63: for products in integers.
 *
 * @param values whole rows @param columns of a row: whole blocks
 */
export function quantiseRows(values: Float32Array, columns: number): QuantisedValues {
  const quants = new Int8Array(values.length);
  const scales = new Float32Array(values.length / 32);
  for (let start = 0; start < values.length; start += columns) {
    let max = 0;
    for (let i = start; i < start + columns; i++) max = Math.max(max, Math.abs(values[i]));
    const [d] = toFloat32(bytesOf(float32ToFloat16(Float32Array.of(max / ROW_STEPS))), 'F16', 'scale');
    scales.fill(d, start / 32, (start + columns) / 32);
    if (d === 0) continue;
    for (let i = start; i < start + columns; i++)
      quants[i] = Math.max(-ROW_STEPS, Math.min(ROW_STEPS, Math.round(values[i] / d)));
  }
  return { quants: new Uint8Array(quants.buffer), scales: bytesOf(float32ToFloat16(scales)) };
}

/** q4_1 with an offset, the least value of a block; q4_0 around zero, with the value of the largest magnitude at −8. */
function quantiseQ4(values: Float32Array, offset: boolean): QuantisedValues {
  const quants = new Uint8Array(values.length / 2);
  const blocks = values.length / 32;
  const scales = new Float32Array(offset ? blocks * 2 : blocks);
  for (let block = 0; block < blocks; block++) {
    const start = block * 32;
    let min = Infinity;
    let max = -Infinity;
    let largest = 0;
    for (let i = start; i < start + 32; i++) {
      const value = values[i];
      if (value < min) min = value;
      if (value > max) max = value;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    const d = offset ? Math.fround(Math.fround(max - min) / 15) : Math.fround(largest / -8);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    if (offset) scales.set([d, min], block * 2);
    else scales[block] = d;
    for (let i = start; i < start + 32; i++) {
      const scaled = Math.fround((offset ? Math.fround(values[i] - min) : values[i]) * inverse);
      const q = Math.min(15, Math.trunc(Math.fround(scaled + (offset ? 0.5 : 8.5))));
      quants[i >> 1] |= (q & 15) << ((i & 1) * 4);
    }
  }
  return { quants, scales: bytesOf(float32ToFloat16(scales)) };
}

function quantiseNf4(values: Float32Array): QuantisedValues {
  const quants = new Uint8Array(values.length / 2);
  const scales = new Float32Array(values.length / 64);
  for (let block = 0; block < scales.length; block++) {
    const start = block * 64;
    let max = 0;
    for (let i = start; i < start + 64; i++) max = Math.max(max, Math.abs(values[i]));
    scales[block] = max;
    const inverse = max === 0 ? 0 : Math.fround(1 / max);
    for (let i = start; i < start + 64; i++)
      quants[i >> 1] |= nearestCode(Math.fround(values[i] * inverse)) << ((i & 1) * 4);
  }
  return { quants, scales: bytesOf(scales) };
}

/** Index of the nearest value of NF4; the lower of two equally near. */
function nearestCode(value: number): number {
  let low = 0;
  for (let step = 8; step > 0; step >>= 1) if (low + step < 16 && NF4_CODE[low + step] <= value) low += step;
  if (low === 15) return low;
  const below = Math.fround(Math.abs(Math.fround(value - NF4_CODE[low])));
  const above = Math.fround(Math.abs(Math.fround(value - NF4_CODE[low + 1])));
  return above < below ? low + 1 : low;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
