// Products with a matrix in 8 bits of which every row has one scale, in integers.
//
//   roundRows    q[m,k] = round(x[m,k] / f[m]) + z[m], from 0 to 127      f[m] = (max_k x − min_k x) / 127, with 0 among them
//   matmulInt8   C[M,N] = f[m] · d[n] · (Σ_k q[m,k] · b[n,k] − z[m] · Σ_k b[n,k])  + bias  + residual  (+ C), or an activation of it
//
// x [M,K] f32, q [M,K] in bytes, marks [M,2]: f, and z as an integer. B [N,K] in blocks of Q8_0 (blocks.ts) whose numbers are from −63 to 63, d[n] the
// scale of the first block of row n. Two products of 7 bits and two more of them fit in 16 bits, so one instruction multiplies sixteen pairs, and
// every second sum goes on to 32 bits. Integers add up exactly in any order, with relaxed SIMD and without.
//
// B is packed for each product, [panel of 8 columns][k / 4][column][4], with scale and sum of each column after another: marksB [panel][2, 8]. A tile of
// 4 × 8 then needs no sum across lanes. It has eight vectors of sums, four of B, one of A and one of ones, in the fifteen registers that x64 leaves. A
// unit is `rows` × `columns` of C, in whole rows if there are many: few pages of memory, and no thread writes next to another.
import { activated } from './activation';
import { half1, integers, madd, max4, Read, Write } from './common';
import { TILE_COLUMNS } from './tiles';
import { at4, load4, put4 } from './vectors';

@unmanaged
class MatmulInt8Arguments {
  x: Read;
  q: Write;
  marks: Write;
  a: Read;
  marksA: Read;
  b: Read;
  packed: Write;
  marksB: Write;
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
/** Rows of a tile, and the bytes of its sums. */
const ROWS: i32 = 4;
const SUMS_BYTES: usize = 128;
/** Bytes of B that all rows of a unit meet before the next: they stay in the second cache. */
const NEAR_BYTES: i32 = 73728;
/** Bytes of the marks of a panel. */
const MARKS_BYTES: usize = 64;

export function roundRows(p: MatmulInt8Arguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    const x = p.x + at4(m * p.pitchX);
    let low = f32x4.splat(0.0);
    let high = low;
    let sum = low;
    for (let k = 0; k < p.K; k += 4) {
      const value = v128.load(x + at4(k));
      low = f32x4.pmin(low, value);
      high = f32x4.pmax(high, value);
      // Keeps NaN, over which these two pass. A maximum that does not is several instructions.
      sum = f32x4.add(sum, value);
    }
    const least = -max4(f32x4.neg(low));
    const factor: f32 = v128.any_true(f32x4.ne(sum, sum)) ? NaN : (max4(high) - least) / LEVELS;
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

/** Packs B. A unit is a panel. */
export function packBytes(p: MatmulInt8Arguments, first: i32, end: i32, _scratch: usize): void {
  const K = <usize>p.K;
  const d = p.b + <usize>p.rowsB * K;
  for (let panel = first; panel < end; panel++) {
    const j = panel * TILE_COLUMNS;
    const to = p.packed + <usize>j * K;
    const marks = p.marksB + <usize>panel * MARKS_BYTES;
    for (let half = 0; half < 2; half++) {
      // The last column stands in for missing ones.
      const j0 = min(j + 4 * half, p.N - 1);
      const j1 = min(j0 + 1, p.N - 1);
      const j2 = min(j0 + 2, p.N - 1);
      const j3 = min(j0 + 3, p.N - 1);
      const shift = (<usize>half) << 4;
      const b = p.b;
      const sums = packRows(
        b + <usize>j0 * K,
        b + <usize>j1 * K,
        b + <usize>j2 * K,
        b + <usize>j3 * K,
        K,
        to + shift,
      );
      v128.store(marks + shift, sums, 32);
      store<f32>(marks + shift, scaleOf(d, j0, K) * p.scale);
      store<f32>(marks + shift, scaleOf(d, j1, K) * p.scale, 4);
      store<f32>(marks + shift, scaleOf(d, j2, K) * p.scale, 8);
      store<f32>(marks + shift, scaleOf(d, j3, K) * p.scale, 12);
    }
  }
}

/** The scale of the first block of row n. */
function scaleOf(d: usize, n: i32, K: usize): f32 {
  return half1(d + (((<usize>n * K) >> 5) << 1));
}

/** Half a panel: four numbers of each of four rows, in turn. @returns the sum of each row */
function packRows(b0: usize, b1: usize, b2: usize, b3: usize, K: usize, to: usize): v128 {
  const ones = i16x8.splat(1);
  let sums = i32x4.splat(0);
  for (let k: usize = 0; k < K; k += 16, to += 128) {
    const x0 = v128.load(b0 + k);
    const x1 = v128.load(b1 + k);
    const x2 = v128.load(b2 + k);
    const x3 = v128.load(b3 + k);
    const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    const y0 = v128.shuffle<i32>(low01, low23, 0, 1, 4, 5);
    const y1 = v128.shuffle<i32>(low01, low23, 2, 3, 6, 7);
    const y2 = v128.shuffle<i32>(high01, high23, 0, 1, 4, 5);
    const y3 = v128.shuffle<i32>(high01, high23, 2, 3, 6, 7);
    v128.store(to, y0);
    v128.store(to, y1, 32);
    v128.store(to, y2, 64);
    v128.store(to, y3, 96);
    const both = i16x8.add(i16x8.extadd_pairwise_i8x16_s(y0), i16x8.extadd_pairwise_i8x16_s(y1));
    const rest = i16x8.add(i16x8.extadd_pairwise_i8x16_s(y2), i16x8.extadd_pairwise_i8x16_s(y3));
    sums = i32x4.add(sums, i32x4.dot_i16x8_s(i16x8.add(both, rest), ones));
  }
  return sums;
}

export function matmulInt8(p: MatmulInt8Arguments, first: i32, end: i32, scratch: usize): void {
  const across = (p.N + p.columns - 1) / p.columns;
  const near = min(p.columns, max(TILE_COLUMNS, (NEAR_BYTES / p.K) & -TILE_COLUMNS));
  for (let unit = first; unit < end; unit++) {
    const i = (unit / across) * p.rows;
    const j0 = (unit % across) * p.columns;
    const j1 = min(j0 + p.columns, p.N);
    for (let j = j0; j < j1; j += near) block(p, i, min(i + p.rows, p.M), j, min(j + near, j1), scratch);
  }
}

function block(p: MatmulInt8Arguments, i0: i32, i1: i32, j0: i32, j1: i32, scratch: usize): void {
  const K = <usize>p.K;
  const packed = p.packed + <usize>j0 * K;
  const last = p.M - 1;
  for (let i = i0; i < i1; i += ROWS) {
    // The last row stands in for missing ones.
    const a0 = p.a + <usize>i * K;
    const a1 = p.a + <usize>min(i + 1, last) * K;
    const a2 = p.a + <usize>min(i + 2, last) * K;
    const a3 = p.a + <usize>min(i + 3, last) * K;
    let b = packed;
    let s = scratch;
    for (let j = j0; j < j1; j += TILE_COLUMNS, b += K * TILE_COLUMNS, s += SUMS_BYTES)
      tileOfBytes(a0, a1, a2, a3, b, K, s);
    const rows = min(ROWS, i1 - i);
    for (let row = 0; row < rows; row++) finishRow(p, i + row, j0, j1, scratch + ((<usize>row) << 5));
  }
}

/** Turns the sums of a row into its part of C. */
function finishRow(p: MatmulInt8Arguments, i: i32, j0: i32, j1: i32, s: usize): void {
  const factor = v128.load32_splat(p.marksA + at4(2 * i));
  const zero = v128.load32_splat(p.marksA + at4(2 * i), 4);
  const activation = p.activation;
  const accumulate = p.accumulate;
  let bias = p.bias ? p.bias + at4(j0) : 0;
  let residual = p.residual ? p.residual + at4(i * p.pitchC + j0) : 0;
  let c = p.c + at4(i * p.pitchC + j0);
  let marks = p.marksB + <usize>(j0 / TILE_COLUMNS) * MARKS_BYTES;
  for (let left = j1 - j0; left > 0; left -= TILE_COLUMNS, s += SUMS_BYTES, marks += MARKS_BYTES) {
    for (let half: usize = 0; half < 32; half += 16) {
      const there = left - <i32>(half >> 2);
      if (there <= 0) return;
      const whole = i32x4.sub(v128.load(s + half), i32x4.mul(zero, v128.load(marks + half, 32)));
      let x = f32x4.mul(f32x4.convert_i32x4_s(whole), f32x4.mul(factor, v128.load(marks + half)));
      if (bias) {
        x = f32x4.add(x, load4(bias, there));
        bias += 16;
      }
      if (residual) {
        x = f32x4.add(x, load4(residual, there));
        residual += 16;
      }
      if (activation >= 0) x = activation === GELU ? gelu(x) : activated(x, activation);
      put4(c, x, there, accumulate);
      c += 16;
    }
  }
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

/** Adds four products of bytes of A and B for each of four columns to their sums. */
function dots(sums: v128, x0: v128, x1: v128, w0: v128, w1: v128, ones: v128): v128 {
  return i32x4.add(sums, i32x4.dot_i16x8_s(i16x8.add(pairs(w0, x0), pairs(w1, x1)), ones));
}

/**
 * Sums of four rows of A and a panel of B over K, a multiple of 8: [4][8] at `s`. It stays a function of its own because it is exported, like the tiles
 * of tiles.ts.
 */
export function tileOfBytes(a0: usize, a1: usize, a2: usize, a3: usize, b: usize, K: usize, s: usize): void {
  const ones = i16x8.splat(1);
  let c00 = i32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  for (let k: usize = 0; k < K; k += 8) {
    const w0 = v128.load(b);
    const w1 = v128.load(b, 32);
    const v0 = v128.load(b, 16);
    const v1 = v128.load(b, 48);
    let x0 = v128.load32_splat(a0);
    let x1 = v128.load32_splat(a0, 4);
    c00 = dots(c00, x0, x1, w0, w1, ones);
    c01 = dots(c01, x0, x1, v0, v1, ones);
    x0 = v128.load32_splat(a1);
    x1 = v128.load32_splat(a1, 4);
    c10 = dots(c10, x0, x1, w0, w1, ones);
    c11 = dots(c11, x0, x1, v0, v1, ones);
    x0 = v128.load32_splat(a2);
    x1 = v128.load32_splat(a2, 4);
    c20 = dots(c20, x0, x1, w0, w1, ones);
    c21 = dots(c21, x0, x1, v0, v1, ones);
    x0 = v128.load32_splat(a3);
    x1 = v128.load32_splat(a3, 4);
    c30 = dots(c30, x0, x1, w0, w1, ones);
    c31 = dots(c31, x0, x1, v0, v1, ones);
    a0 += 8;
    a1 += 8;
    a2 += 8;
    a3 += 8;
    b += 64;
  }
  v128.store(s, c00);
  v128.store(s, c01, 16);
  v128.store(s, c10, 32);
  v128.store(s, c11, 48);
  v128.store(s, c20, 64);
  v128.store(s, c21, 80);
  v128.store(s, c30, 96);
  v128.store(s, c31, 112);
}
