/**
 * Numbers → quantised blocks and back: llama.cpp's Q8_0, Q4_0 and Q4_1 (quantize_row_*_ref in ggml/src/ggml-quants.c) and bitsandbytes'
 * NF4 (blocks of 64, absmax in f32; QLoRA, Dettmers et al., 2023). The results are theirs, bit for bit: every step is rounded to f32 as
 * they round it.
 *
 * Quants and scales are kept apart, the quants two to a byte with the earlier one in the low bits, which is how a GPU wants them.
 */
import { float16ToFloat32, float32ToFloat16 } from './dtypes.ts';

export const QUANTISED_TYPES = ['q8_0', 'q4_0', 'q4_1', 'nf4'] as const;
export type QuantisedType = (typeof QUANTISED_TYPES)[number];

export interface QuantisedValues {
  /** Eight bits of a number, or four: 4-bit numbers lie two to a byte, the earlier one in the low bits. */
  readonly quants: Uint8Array<ArrayBuffer>;
  /** For each block: d as f16 (q8_0, q4_0), d and the least value as f16 (q4_1), the largest magnitude as f32 (nf4). */
  readonly scales: Uint8Array<ArrayBuffer>;
}

/** Numbers of a block. */
export const BLOCK_VALUES: Readonly<Record<QuantisedType, number>> = {
  q8_0: 32,
  q4_0: 32,
  q4_1: 32,
  nf4: 64,
};

/** @param values whole blocks */
export function quantise(values: Float32Array, type: QuantisedType): QuantisedValues {
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
    let most = 0;
    for (let i = start; i < start + 32; i++) most = Math.max(most, Math.abs(values[i]));
    d[block] = most / 127;
    const inverse = d[block] === 0 ? 0 : Math.fround(1 / d[block]);
    for (let i = start; i < start + 32; i++) {
      const scaled = Math.fround(values[i] * inverse);
      // roundf: halves away from zero.
      quants[i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
  return { quants: new Uint8Array(quants.buffer), scales: bytesOf(float32ToFloat16(d)) };
}

/** q4_1 with an offset, the least value of a block; q4_0 around zero, with the value of the largest magnitude at −8. */
function quantiseQ4(values: Float32Array, offset: boolean): QuantisedValues {
  const quants = new Uint8Array(values.length / 2);
  const blocks = values.length / 32;
  const scales = new Float32Array(offset ? blocks * 2 : blocks);
  for (let block = 0; block < blocks; block++) {
    const start = block * 32;
    let least = Infinity;
    let most = -Infinity;
    let largest = 0;
    for (let i = start; i < start + 32; i++) {
      const value = values[i];
      if (value < least) least = value;
      if (value > most) most = value;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    const d = offset ? Math.fround(Math.fround(most - least) / 15) : Math.fround(largest / -8);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    if (offset) scales.set([d, least], block * 2);
    else scales[block] = d;
    for (let i = start; i < start + 32; i++) {
      const scaled = Math.fround((offset ? Math.fround(values[i] - least) : values[i]) * inverse);
      const q = Math.min(15, Math.trunc(Math.fround(scaled + (offset ? 0.5 : 8.5))));
      quants[i >> 1] |= (q & 15) << ((i & 1) * 4);
    }
  }
  return { quants, scales: bytesOf(float32ToFloat16(scales)) };
}

/** The sixteen values of NF4, as bitsandbytes prints them. */
export const NF4_CODE = Float32Array.of(
  -1.0,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0.0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1.0,
);

function quantiseNf4(values: Float32Array): QuantisedValues {
  const quants = new Uint8Array(values.length / 2);
  const scales = new Float32Array(values.length / 64);
  for (let block = 0; block < scales.length; block++) {
    const start = block * 64;
    let most = 0;
    for (let i = start; i < start + 64; i++) most = Math.max(most, Math.abs(values[i]));
    scales[block] = most;
    const inverse = most === 0 ? 0 : Math.fround(1 / most);
    for (let i = start; i < start + 64; i++)
      quants[i >> 1] |= nearestCode(Math.fround(values[i] * inverse)) << ((i & 1) * 4);
  }
  return { quants, scales: bytesOf(scales) };
}

/** Index of the nearest value of NF4; of two as near, the lower. */
function nearestCode(value: number): number {
  let low = 0;
  for (let step = 8; step > 0; step >>= 1) if (low + step < 16 && NF4_CODE[low + step] <= value) low += step;
  if (low === 15) return low;
  const below = Math.fround(Math.abs(Math.fround(value - NF4_CODE[low])));
  const above = Math.fround(Math.abs(Math.fround(value - NF4_CODE[low + 1])));
  return above < below ? low + 1 : low;
}

/** The numbers that the blocks stand for, in f32 as the GPU unpacks them. */
export function dequantise(
  { quants, scales }: QuantisedValues,
  type: QuantisedType,
): Float32Array<ArrayBuffer> {
  const size = type === 'q8_0' ? quants.length : quants.length * 2;
  const values = new Float32Array(size);
  if (type === 'nf4') {
    const most = new Float32Array(scales.slice().buffer);
    for (let i = 0; i < size; i++) values[i] = NF4_CODE[nibble(quants, i)] * most[i >> 6];
    return values;
  }
  const numbers = float16ToFloat32(new Uint16Array(scales.slice().buffer));
  const signed = new Int8Array(quants.buffer, quants.byteOffset, quants.length);
  for (let i = 0; i < size; i++) {
    const block = i >> 5;
    if (type === 'q8_0') values[i] = signed[i] * numbers[block];
    else if (type === 'q4_0') values[i] = (nibble(quants, i) - 8) * numbers[block];
    else values[i] = nibble(quants, i) * numbers[2 * block] + numbers[2 * block + 1];
  }
  return values;
}

function nibble(quants: Uint8Array, i: number): number {
  return (quants[i >> 1] >> ((i & 1) * 4)) & 15;
}

/** Bytes of a block of llama.cpp's: its scale, then its quants. */
const LLAMA_BLOCK: Readonly<Record<Exclude<QuantisedType, 'nf4'>, { scale: number; bytes: number }>> = {
  q8_0: { scale: 2, bytes: 34 },
  q4_0: { scale: 2, bytes: 18 },
  q4_1: { scale: 4, bytes: 20 },
};

/**
 * Blocks as they lie in a GGUF file, taken apart without a change of any bit. There the low halves of sixteen bytes are the first sixteen
 * numbers of a block, and the high halves the others.
 */
export function fromLlamaBlocks(bytes: Uint8Array, type: Exclude<QuantisedType, 'nf4'>): QuantisedValues {
  const { scale, bytes: blockBytes } = LLAMA_BLOCK[type];
  const blocks = bytes.length / blockBytes;
  const quantBytes = blockBytes - scale;
  const quants = new Uint8Array(blocks * quantBytes);
  const scales = new Uint8Array(blocks * scale);
  for (let block = 0; block < blocks; block++) {
    const from = block * blockBytes;
    const first = from + scale;
    const to = block * quantBytes;
    scales.set(bytes.subarray(from, first), block * scale);
    if (type === 'q8_0') {
      quants.set(bytes.subarray(first, first + quantBytes), to);
      continue;
    }
    for (let i = 0; i < 8; i++) {
      const [even, odd] = [bytes[first + 2 * i], bytes[first + 2 * i + 1]];
      quants[to + i] = (even & 15) | ((odd & 15) << 4);
      quants[to + 8 + i] = (even >> 4) | (odd & 0xf0);
    }
  }
  return { quants, scales };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
