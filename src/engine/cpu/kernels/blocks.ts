// Frozen matrices in quantised blocks (../../quantised.ts), unpacked.
//
//   format   numbers of a block   each         value            scale of a block
//   Q8_0     32                   8 bits, q    q · d            d f16
//   Q4_0     32                   4 bits, q    (q − 8) · d      d f16
//   Q4_1     32                   4 bits, q    q · d + m        d f16, m f16
//   NF4      64                   4 bits, q    code[q] · d      d f32
//
// First the quants of all numbers, row by row, the first number of a byte in its low bits; then the scales of all blocks. Every value is the f32 that
// llama.cpp and bitsandbytes give: q · d is exact, and one rounding is left.
import { F32, half1, halves4 } from './common';
import { at4 } from './vectors';

/** How a tensor is stored: `code` in quantisedFormats. */
export const Q8_0 = 0;
export const Q4_0 = 1;
export const Q4_1 = 2;
export const NF4 = 3;

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

/**
 * Unpacks numbers of a matrix as f32.
 *
 * @param size numbers of the whole matrix
 * @param element the first one: of a whole block
 * @param count of whole blocks
 */
export function unpackBlocks(b: usize, format: i32, size: i32, element: i32, count: i32, to: usize): void {
  const none = f32x4.splat(0);
  if (format === Q8_0) {
    for (let i = element; i < element + count; i += 32) {
      const d = f32x4.splat(half1(b + size + ((i >> 5) << 1)));
      store16(to, v128.load(b + i), d, none);
      store16(to + 64, v128.load(b + i, 16), d, none);
      to += 128;
    }
    return;
  }
  const scales = b + (size >> 1);
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
  for (let i = element; i < element + count; i += 32) {
    const scale = scales + (i >> 5) * (format === Q4_1 ? 4 : 2);
    const d = half1(scale);
    const offset = f32x4.splat(format === Q4_1 ? half1(scale + 2) : <f32>-8 * d);
    store16(to, nibbles(b + (i >> 1)), f32x4.splat(d), offset);
    store16(to + 64, nibbles(b + (i >> 1) + 8), f32x4.splat(d), offset);
    to += 128;
  }
}

/** A weight of type BLOCKS + format is in blocks. */
const BLOCKS: i32 = 2;

/**
 * Unpacks numbers of a weight as f32, however it is stored.
 *
 * @param type F32, F16, or BLOCKS + format: `weightType` in ../command.ts
 * @param element and `count` as for `unpackBlocks`, where there are blocks
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
