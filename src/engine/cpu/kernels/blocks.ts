// Frozen matrices in quantised blocks (../../quantised.ts), unpacked.
//
//   format   block   run   each         value                       scales of a block
//   Q8_0     32      32    8 bits, q    q · d                       d f16
//   Q4_0     32      32    4 bits, q    (q − 8) · d                 d f16
//   Q4_1     32      32    4 bits, q    q · d + m                   d f16, m f16
//   NF4      64      64    4 bits, q    code[q] · d                 d f32
//   Q5_1     32      32    8 bits, q    q · d + m                   d f16, m f16
//   Q2_K     256     16    4 bits, q    q · (d · s) − dmin · m      d f16, dmin f16, 16 bytes: s in the low four bits, m in the high four
//   Q3_K     256     16    4 bits, q    (q − 4) · (d · s)           d f16, nothing,  16 bytes: s
//   Q4_K     256     32    4 bits, q    q · (d · s) − dmin · m      d f16, dmin f16, 8 pairs of bytes: s, m
//   Q5_K     256     32    8 bits, q    q · (d · s) − dmin · m      d f16, dmin f16, 8 pairs of bytes: s, m
//   Q6_K     256     16    8 bits, q    q · (d · s)                 d f16, nothing,  16 bytes: s
//
// First the quants of all numbers, row by row, the first number of a byte in its low bits; then the scales of all blocks. Quants of eight bits are
// signed, as is s of Q3_K and Q6_K. Every value is the f32 that llama.cpp and bitsandbytes give: all products are exact, and one rounding is left.
import { F32, half1, halves4 } from './common';
import { at4 } from './vectors';

/** Storage formats: `code` in quantisedFormats. */
export const Q8_0 = 0;
export const Q4_0 = 1;
export const Q4_1 = 2;
export const NF4 = 3;
export const Q5_1 = 4;
export const Q2_K = 5;
export const Q3_K = 6;
export const Q4_K = 7;
export const Q5_K = 8;
export const Q6_K = 9;

/** The sixteen numbers of NF4 (Dettmers et al., 2023). */
const CODE = memory.data<f32>([
  -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]);

/** Four small integers from bytes 4 · part … of a vector, as f32. */
function floats(bytes: v128, part: i32): v128 {
  const half = part < 2 ? i16x8.extend_low_i8x16_s(bytes) : i16x8.extend_high_i8x16_s(bytes);
  return f32x4.convert_i32x4_s(part & 1 ? i32x4.extend_high_i16x8_s(half) : i32x4.extend_low_i16x8_s(half));
}

/** Sixteen quants of four bits, a byte each, from eight bytes. */
function nibbles(address: usize): v128 {
  const both = v128.load64_zero(address);
  const low = v128.and(both, i8x16.splat(15));
  const high = i8x16.shr_u(both, 4);
  return v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Sixteen numbers: q · factor + offset. */
function store16(to: usize, q: v128, factor: v128, offset: v128): void {
  v128.store(to, f32x4.add(f32x4.mul(floats(q, 0), factor), offset));
  v128.store(to, f32x4.add(f32x4.mul(floats(q, 1), factor), offset), 16);
  v128.store(to, f32x4.add(f32x4.mul(floats(q, 2), factor), offset), 32);
  v128.store(to, f32x4.add(f32x4.mul(floats(q, 3), factor), offset), 48);
}

/** Sixteen quants, a byte each, from `element` on. */
function sixteen(b: usize, element: i32, hasBytes: boolean): v128 {
  return hasBytes ? v128.load(b + element) : nibbles(b + (element >> 1));
}

/** Bytes of the scales of a block of 256. */
const K_SCALES: i32 = 20;

/** `unpackBlocks` for the formats whose blocks have 256 numbers: sixteen at a time, which have one scale. */
function unpackK(b: usize, format: i32, size: i32, element: i32, count: i32, to: usize): void {
  const hasBytes = format === Q5_K || format === Q6_K;
  const scales = b + (hasBytes ? size : size >> 1);
  for (let i = element; i < element + count; i += 16, to += 64) {
    const at = scales + (i >> 8) * K_SCALES;
    const run = (i >> 4) & 15;
    const d = half1(at);
    let factor: f32;
    let offset: f32;
    if (format === Q4_K || format === Q5_K) {
      const pair = at + 4 + (run & ~1);
      factor = d * <f32>load<u8>(pair);
      offset = -(half1(at + 2) * <f32>load<u8>(pair, 1));
    } else if (format === Q2_K) {
      const both = <u32>load<u8>(at + 4 + run);
      factor = d * <f32>(both & 15);
      offset = -(half1(at + 2) * <f32>(both >> 4));
    } else {
      factor = d * <f32>load<i8>(at + 4 + run);
      offset = format === Q3_K ? <f32>-4 * factor : 0;
    }
    store16(to, sixteen(b, i, hasBytes), f32x4.splat(factor), f32x4.splat(offset));
  }
}

/**
 * Unpacks numbers of a matrix as f32.
 *
 * @param size numbers of the whole matrix
 * @param element the first one, and
 * @param count how many: multiples of 64, or of a block if blocks are smaller
 */
export function unpackBlocks(b: usize, format: i32, size: i32, element: i32, count: i32, to: usize): void {
  if (format >= Q2_K) {
    unpackK(b, format, size, element, count, to);
    return;
  }
  const hasBytes = format === Q8_0 || format === Q5_1;
  const scales = b + (hasBytes ? size : size >> 1);
  if (format === NF4) {
    for (let i = element; i < element + count; i += 2) {
      const d = load<f32>(scales + at4(i >> 6));
      const q = <u32>load<u8>(b + (i >> 1));
      store<f32>(to, load<f32>(CODE + ((q & 15) << 2)) * d);
      store<f32>(to, load<f32>(CODE + ((q >> 4) << 2)) * d, 4);
      to += 8;
    }
    return;
  }
  const hasMin = format === Q4_1 || format === Q5_1;
  for (let i = element; i < element + count; i += 32) {
    const scale = scales + (i >> 5) * (hasMin ? 4 : 2);
    const d = half1(scale);
    const offset = f32x4.splat(hasMin ? half1(scale + 2) : format === Q4_0 ? <f32>-8 * d : 0);
    store16(to, sixteen(b, i, hasBytes), f32x4.splat(d), offset);
    store16(to + 64, sixteen(b, i + 16, hasBytes), f32x4.splat(d), offset);
    to += 128;
  }
}

/** A weight of type BLOCKS + format is in blocks. */
const BLOCKS: i32 = 2;

/**
 * Unpacks numbers of a weight as f32, however it is stored.
 *
 * @param type F32, F16, or BLOCKS + format: `weightType` in ../command.ts
 * @param element and `count` as for `unpackBlocks`, if there are blocks
 */
export function unpack(b: usize, type: i32, size: i32, element: i32, count: i32, to: usize): void {
  if (type >= BLOCKS) {
    unpackBlocks(b, type - BLOCKS, size, element, count, to);
    return;
  }
  if (type === F32) {
    memory.copy(to, b + at4(element), at4(count));
    return;
  }
  let from = b + ((<usize>element) << 1);
  let i = 0;
  for (; i <= count - 4; i += 4, from += 8, to += 16) v128.store(to, halves4(from));
  for (; i < count; i++, from += 2, to += 4) store<f32>(to, half1(from));
}
