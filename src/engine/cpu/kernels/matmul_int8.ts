// Products with a matrix in 8 bits of which every row has one scale, in integers.
//
//   roundRows    q[m,k] = round(x[m,k] / f[m]) + z[m], from 0 to 127      f[m] = (max_k x − min_k x) / 127, with 0 among them
//   matmulInt8   C[M,N] = f[m] · d[n] · (Σ_k q[m,k] · b[n,k] − z[m] · Σ_k b[n,k])  + bias  + residual  (+ C), or an activation of it
//
// x [M,K] f32, q [M,K] in bytes, marks [M,2]: f, and z as an integer. B [N,K] in blocks of Q8_0 (blocks.ts) whose numbers are from −63 to 63, d[n] the
// scale of the first block of row n. Two products of 7 bits and two more of them fit in 16 bits, so one instruction multiplies sixteen pairs, and
// every second sum goes on to 32 bits. Integers add up exactly in any order, with relaxed SIMD and without.
//
// Both sides lie along k. A tile has two rows of A and three of B: six vectors of sums, four of A, two of B, two products and the ones that widen
// them, in the fifteen registers that x64 leaves. A unit is a block of `rows` × `columns` of C.
import { activated } from './activation';
import { half1, integers, madd, max4, Read, Write } from './common';
import { at4, load4, put4 } from './vectors';

@unmanaged
class MatmulInt8Arguments {
  x: Read;
  q: Write;
  marks: Write;
  a: Read;
  marksA: Read;
  b: Read;
  c: Write;
  bias: Read;
  residual: Read;
  M: i32;
  N: i32;
  K: i32;
  /** Elements from one row to the next. */
  pitchX: i32;
  pitchC: i32;
  /** Rows of all of B, of which N are the first. */
  rowsB: i32;
  scale: f32;
  accumulate: i32;
  /** The activation of the result: `kind` in activation.ts, or −1. */
  activation: i32;
  rows: i32;
  columns: i32;
}

/** `kind` in activation.ts. */
const GELU: i32 = 2;
const LEVELS: f32 = 127.0;
/** Rows and columns of a tile. */
const TILE_ROWS: i32 = 2;
const TILE_COLUMNS: i32 = 3;
/** Bytes of B that many rows of A meet before the next: they and two rows of A share the first cache. */
const NEAR_BYTES: i32 = 12288;

export function roundRows(p: MatmulInt8Arguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    const x = p.x + at4(m * p.pitchX);
    let low = f32x4.splat(0.0);
    let high = low;
    for (let k = 0; k < p.K; k += 4) {
      const value = v128.load(x + at4(k));
      low = f32x4.pmin(low, value);
      // Unlike the minimum, it keeps NaN.
      high = f32x4.max(high, value);
    }
    const least = -max4(f32x4.neg(low));
    const factor = (max4(high) - least) / LEVELS;
    const inverse: f32 = factor === 0.0 ? 0.0 : <f32>1.0 / factor;
    const zero = nearest<f32>(-least * inverse);
    store<f32>(p.marks + at4(2 * m), factor);
    store<i32>(p.marks + at4(2 * m), <i32>zero, 4);
    const f = f32x4.splat(inverse);
    const z = f32x4.splat(zero);
    let q = p.q + <usize>m * <usize>p.K;
    for (let k = 0; k < p.K; k += 16, q += 16) {
      const from = x + at4(k);
      const halves0 = i16x8.narrow_i32x4_s(rounded(from, f, z), rounded(from + 16, f, z));
      const halves1 = i16x8.narrow_i32x4_s(rounded(from + 32, f, z), rounded(from + 48, f, z));
      v128.store(q, i8x16.min_u(i8x16.narrow_i16x8_u(halves0, halves1), i8x16.splat(127)));
    }
  }
}

function rounded(x: usize, inverse: v128, zero: v128): v128 {
  return integers(f32x4.nearest(f32x4.add(f32x4.mul(v128.load(x), inverse), zero)));
}

export function matmulInt8(p: MatmulInt8Arguments, first: i32, end: i32, scratch: usize): void {
  const across = (p.N + p.columns - 1) / p.columns;
  for (let unit = first; unit < end; unit++) {
    const i = (unit / across) * p.rows;
    const j = (unit % across) * p.columns;
    block(p, i, min(i + p.rows, p.M), j, min(j + p.columns, p.N), scratch);
  }
}

function block(p: MatmulInt8Arguments, i0: i32, i1: i32, j0: i32, j1: i32, scratch: usize): void {
  const K = p.K;
  // A tile stores a fourth number behind its three, over which the next tile writes.
  const row = at4(p.columns + 4);
  const scales = scratch;
  const sumsB = scales + row;
  const sums = sumsB + row;
  const d = p.b + <usize>p.rowsB * <usize>K;
  for (let j = j0; j < j1; j++) {
    store<f32>(scales + at4(j - j0), half1(d + (((<usize>j * <usize>K) >> 5) << 1)) * p.scale);
    store<i32>(sumsB + at4(j - j0), sumOfBytes(p.b + <usize>j * <usize>K, K));
  }
  const near = max(NEAR_BYTES / K / TILE_COLUMNS, 1) * TILE_COLUMNS;
  for (let from = j0; from < j1; from += near) {
    const to = min(from + near, j1);
    for (let i = i0; i < i1; i += TILE_ROWS) {
      // The last row stands in for missing ones.
      const a0 = p.a + <usize>i * <usize>K;
      const a1 = p.a + <usize>min(i + 1, p.M - 1) * <usize>K;
      for (let j = from; j < to; j += TILE_COLUMNS) {
        const b0 = p.b + <usize>j * <usize>K;
        const b1 = p.b + <usize>min(j + 1, p.N - 1) * <usize>K;
        const b2 = p.b + <usize>min(j + 2, p.N - 1) * <usize>K;
        tileOfBytes(a0, a1, b0, b1, b2, K, sums + <usize>(i - i0) * row + at4(j - j0), row);
      }
    }
  }
  for (let i = i0; i < i1; i++) {
    const factor = v128.load32_splat(p.marksA + at4(2 * i));
    const zero = v128.load32_splat(p.marksA + at4(2 * i), 4);
    const s = sums + <usize>(i - i0) * row;
    const c = p.c + at4(i * p.pitchC);
    const residual = p.residual + at4(i * p.pitchC);
    for (let j = j0; j < j1; j += 4) {
      const left = j1 - j;
      const at = at4(j - j0);
      const whole = i32x4.sub(v128.load(s + at), i32x4.mul(zero, v128.load(sumsB + at)));
      let x = f32x4.mul(f32x4.convert_i32x4_s(whole), f32x4.mul(factor, v128.load(scales + at)));
      if (p.bias) x = f32x4.add(x, load4(p.bias + at4(j), left));
      if (p.residual) x = f32x4.add(x, load4(residual + at4(j), left));
      if (p.activation >= 0) x = p.activation === GELU ? gelu(x) : activated(x, p.activation);
      put4(c + at4(j), x, left, p.accumulate);
    }
  }
}

function sumOfBytes(b: usize, K: i32): i32 {
  let sum = i32x4.splat(0);
  for (let k = 0; k < K; k += 16)
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(v128.load(b + k))));
  return lanes(sum);
}

function lanes(x: v128): i32 {
  return (
    i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3)
  );
}

/** ½, the bounds of x, and the factors of x, x³ to x¹³ in Φ(x) − ½. */
const PHI = memory.data<f32>([
  0.5, -4.0, 4.0, 0.39788334935, -0.06457311094, 0.008772389558, -8.14015954e-4, 4.795558712e-5,
  -1.598606431e-6, 2.278153066e-8,
]);

/**
 * GELU within 2e-4, or 2e-5 · |x| beyond 4, which is far below a step of the bytes that the next product makes of it: an odd polynomial for Φ(x) − ½,
 * fitted for the least largest error of x · Φ(x).
 */
function gelu(x: v128): v128 {
  const v = f32x4.pmin(f32x4.pmax(x, v128.load_splat<f32>(PHI, 4)), v128.load_splat<f32>(PHI, 8));
  const s = f32x4.mul(v, v);
  let p = v128.load_splat<f32>(PHI, 36);
  p = madd(p, s, v128.load_splat<f32>(PHI, 32));
  p = madd(p, s, v128.load_splat<f32>(PHI, 28));
  p = madd(p, s, v128.load_splat<f32>(PHI, 24));
  p = madd(p, s, v128.load_splat<f32>(PHI, 20));
  p = madd(p, s, v128.load_splat<f32>(PHI, 16));
  p = madd(p, s, v128.load_splat<f32>(PHI, 12));
  return f32x4.mul(x, madd(p, v, v128.load_splat<f32>(PHI)));
}

/** Sums of pairs of products of sixteen signed bytes and sixteen from 0 to 127, in 16 bits. */
function pairs(signed: v128, positive: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD
    ? i16x8.relaxed_dot_i8x16_i7x16_s(signed, positive)
    : i16x8.narrow_i32x4_s(
        i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(signed), i16x8.extend_low_i8x16_s(positive)),
        i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(signed), i16x8.extend_high_i8x16_s(positive)),
      );
}

/** Sums of two rows of A and three of B over K, a multiple of 32: three numbers in each of two rows at `s`, and a fourth that means nothing. */
export function tileOfBytes(
  a0: usize,
  a1: usize,
  b0: usize,
  b1: usize,
  b2: usize,
  K: i32,
  s: usize,
  row: usize,
): void {
  const ones = i16x8.splat(1);
  let c00 = i32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  for (let k = 0; k < K; k += 32) {
    const x0 = v128.load(a0);
    const x1 = v128.load(a0, 16);
    const y0 = v128.load(a1);
    const y1 = v128.load(a1, 16);
    let w0 = v128.load(b0);
    let w1 = v128.load(b0, 16);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(i16x8.add(pairs(w0, x0), pairs(w1, x1)), ones));
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(i16x8.add(pairs(w0, y0), pairs(w1, y1)), ones));
    w0 = v128.load(b1);
    w1 = v128.load(b1, 16);
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(i16x8.add(pairs(w0, x0), pairs(w1, x1)), ones));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(i16x8.add(pairs(w0, y0), pairs(w1, y1)), ones));
    w0 = v128.load(b2);
    w1 = v128.load(b2, 16);
    c02 = i32x4.add(c02, i32x4.dot_i16x8_s(i16x8.add(pairs(w0, x0), pairs(w1, x1)), ones));
    c12 = i32x4.add(c12, i32x4.dot_i16x8_s(i16x8.add(pairs(w0, y0), pairs(w1, y1)), ones));
    a0 += 32;
    a1 += 32;
    b0 += 32;
    b1 += 32;
    b2 += 32;
  }
  v128.store(s, sumsOf(c00, c01, c02));
  v128.store(s + row, sumsOf(c10, c11, c12));
}

/** The sums of the lanes of three vectors, and a number that means nothing. */
function sumsOf(x: v128, y: v128, z: v128): v128 {
  const both = i32x4.add(v128.shuffle<i32>(x, y, 0, 4, 1, 5), v128.shuffle<i32>(x, y, 2, 6, 3, 7));
  const last = i32x4.add(z, v128.shuffle<i32>(z, z, 2, 3, 0, 1));
  return i32x4.add(v128.shuffle<i32>(both, last, 0, 1, 4, 5), v128.shuffle<i32>(both, last, 2, 3, 5, 4));
}
