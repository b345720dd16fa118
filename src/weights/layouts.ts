/**
 * Layouts of quantised blocks on a device: quants and scales apart, row by row. Numbers can be rounded to four of them (quantise.ts); the others
 * represent the blocks of GGUF files (gguf/take-apart.ts) without loss.
 *
 *   layout   block   run   each        value of q                    scales of a block
 *   q8_0     32      32    8 bits, ±   q · d                         d f16
 *   q4_0     32      32    4 bits      (q − 8) · d                   d f16
 *   q4_1     32      32    4 bits      q · d + m                     d f16, m f16
 *   nf4      64      64    4 bits      NF4_CODE[q] · d               d f32
 *   q5_1     32      32    8 bits      q · d + m                     d f16, m f16
 *   q2_k     256     16    4 bits      q · (d · s) − dmin · m        d f16, dmin f16, 16 bytes: s in the low four bits, m in the high four
 *   q3_k     256     16    4 bits      (q − 4) · (d · s)             d f16, nothing,  16 bytes: s ±
 *   q4_k     256     32    4 bits      q · (d · s) − dmin · m        d f16, dmin f16, 8 pairs of bytes: s, m
 *   q5_k     256     32    8 bits      q · (d · s) − dmin · m        d f16, dmin f16, 8 pairs of bytes: s, m
 *   q6_k     256     16    8 bits, ±   q · (d · s)                   d f16, nothing,  16 bytes: s ±
 *
 * A run is the numbers that share a factor and an offset. d has 11 bits, s at most 7 and q at most 7: all products are exact in f32, and only the sum
 * is rounded, as in llama.cpp. bitsandbytes' NF4 is one rounded product.
 */
import { float16At } from './half.ts';

interface Layout {
  /** Numbers of a block. */
  readonly block: number;
  /** Numbers that share a factor and an offset. */
  readonly run: number;
  /** Bits of a quant. */
  readonly bits: 4 | 8;
  /** Bytes of a block's scales. */
  readonly scaleBytes: number;
}

export const LAYOUTS = {
  q8_0: { block: 32, run: 32, bits: 8, scaleBytes: 2 },
  q4_0: { block: 32, run: 32, bits: 4, scaleBytes: 2 },
  q4_1: { block: 32, run: 32, bits: 4, scaleBytes: 4 },
  nf4: { block: 64, run: 64, bits: 4, scaleBytes: 4 },
  q5_1: { block: 32, run: 32, bits: 8, scaleBytes: 4 },
  q2_k: { block: 256, run: 16, bits: 4, scaleBytes: 20 },
  q3_k: { block: 256, run: 16, bits: 4, scaleBytes: 20 },
  q4_k: { block: 256, run: 32, bits: 4, scaleBytes: 20 },
  q5_k: { block: 256, run: 32, bits: 8, scaleBytes: 20 },
  q6_k: { block: 256, run: 16, bits: 8, scaleBytes: 20 },
} as const satisfies Record<string, Layout>;

export type BlockFormat = keyof typeof LAYOUTS;

export interface QuantisedValues {
  /** A byte for each number, or half of one: 4-bit numbers lie two to a byte, the earlier one in the low bits. */
  readonly quants: Uint8Array<ArrayBuffer>;
  /** For each block, as above. */
  readonly scales: Uint8Array<ArrayBuffer>;
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

/** The value of a quant before its scale. */
const CODES: Readonly<Record<BlockFormat, ArrayLike<number>>> = {
  q8_0: codes(256, signed),
  q4_0: codes(16, (q) => q - 8),
  q4_1: codes(16, (q) => q),
  nf4: NF4_CODE,
  q5_1: codes(256, (q) => q),
  q2_k: codes(16, (q) => q),
  q3_k: codes(16, (q) => q - 4),
  q4_k: codes(16, (q) => q),
  q5_k: codes(256, (q) => q),
  q6_k: codes(256, signed),
};

/** No offset: x + −0 is x, also if x is −0. */
const NONE = -0;

type Scale = readonly [factor: number, offset: number];

/** Factor and offset of a run. @param at the first byte of its block's scales @param run its place in the block */
const SCALES: Readonly<Record<BlockFormat, (scales: Uint8Array, at: number, run: number) => Scale>> = {
  q8_0: (scales, at) => [float16At(scales, at), NONE],
  q4_0: (scales, at) => [float16At(scales, at), NONE],
  q4_1: (scales, at) => [float16At(scales, at), float16At(scales, at + 2)],
  nf4: (scales, at) => [float32At(scales, at), NONE],
  q5_1: (scales, at) => [float16At(scales, at), float16At(scales, at + 2)],
  q2_k: (scales, at, run) => {
    const both = scales[at + 4 + run];
    return [float16At(scales, at) * (both & 15), -float16At(scales, at + 2) * (both >> 4)];
  },
  q3_k: signedScale,
  q4_k: scaleAndMin,
  q5_k: scaleAndMin,
  q6_k: signedScale,
};

function signedScale(scales: Uint8Array, at: number, run: number): Scale {
  return [float16At(scales, at) * signed(scales[at + 4 + run]), NONE];
}

function scaleAndMin(scales: Uint8Array, at: number, run: number): Scale {
  const pair = at + 4 + 2 * run;
  return [float16At(scales, at) * scales[pair], -float16At(scales, at + 2) * scales[pair + 1]];
}

/** The numbers that the blocks stand for, in f32 as devices unpack them. */
export function dequantise(
  { quants, scales }: QuantisedValues,
  type: BlockFormat,
): Float32Array<ArrayBuffer> {
  const { block, run, bits, scaleBytes } = LAYOUTS[type];
  const [code, scaleOf] = [CODES[type], SCALES[type]];
  const values = new Float32Array((quants.length * 8) / bits);
  for (let start = 0; start < values.length; start += run) {
    const at = Math.floor(start / block) * scaleBytes;
    const [factor, offset] = scaleOf(scales, at, (start % block) / run);
    if (bits === 8) {
      for (let i = start; i < start + run; i++) values[i] = code[quants[i]] * factor + offset;
      continue;
    }
    for (let i = start; i < start + run; i += 2) {
      const both = quants[i >> 1];
      values[i] = code[both & 15] * factor + offset;
      values[i + 1] = code[both >> 4] * factor + offset;
    }
  }
  return values;
}

function codes(count: number, value: (q: number) => number): Float32Array {
  return Float32Array.from({ length: count }, (_, q) => value(q));
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

function float32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(at, true);
}
