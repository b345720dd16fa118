// Matrix products, in register tiles of 6 × 8.
//
//   C[M,N] = scale · op(A)·op(B)  + lowRankScale · Z·op(L)  + bias  + residual  (+ C), or an activation of it
//
//   NT: A [M,K], B [N,K].  NN: A [M,K], B [K,N].  TN: A [K,M], B [K,N].  Z [M,R]; L lies as B does: [N,R] or [R,N].
//
// A unit is a block of `rows` × `columns` of C. For each stretch of K, the columns of B go to the thread's scratch memory in panels of eight, k by
// k, whatever B's layout and type. Then each six rows of A meet all panels: A is read where it lies, so it comes from memory once for each
// block, six rows of it from the first cache, and a panel from the second. Sums of a stretch wait in scratch memory, in f32, and bias, residual and
// the low-rank term are added after the last stretch. The order of a sum depends on K alone, not on the blocks.
//
// All tensors but B are f32. B may be f16 or in blocks (blocks.ts), whose rows may be longer than a stretch. tiles.ts has the tiles.
import { activated } from './activation';
import { Read, Write } from './common';
import { pack, packWeight } from './panels';
import { FRESH_BYTES, multiply, stretchOf, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';

@unmanaged
class MatmulArguments {
  a: Read;
  b: Read;
  c: Write;
  z: Read;
  l: Read;
  bias: Read;
  residual: Read;
  M: i32;
  N: i32;
  K: i32;
  R: i32;
  /** Elements from one row to the next. */
  pitchA: i32;
  pitchB: i32;
  pitchC: i32;
  pitchZ: i32;
  pitchL: i32;
  transposedA: i32;
  transposedB: i32;
  typeB: i32;
  /** Rows of all of B, if it is the start of a matrix in blocks. */
  rowsB: i32;
  scale: f32;
  lowRankScale: f32;
  accumulate: i32;
  /** The activation of the result: `kind` in activation.ts, or −1. */
  activation: i32;
  /** Sides of a block: any number of rows, and a multiple of eight columns, of 64 if B is in blocks. */
  rows: i32;
  columns: i32;
}

/** The most k of a stretch: DEPTH in ../lower/matmul.ts. */
const DEPTH: i32 = 512;

export function matmul(p: MatmulArguments, first: i32, end: i32, scratch: usize): void {
  const down = (p.M + p.rows - 1) / p.rows;
  for (let unit = first; unit < end; unit++) {
    const i = (unit % down) * p.rows;
    const j = (unit / down) * p.columns;
    block(p, i, min(i + p.rows, p.M), j, min(j + p.columns, p.N), scratch);
  }
}

function block(p: MatmulArguments, i0: i32, i1: i32, j0: i32, j1: i32, scratch: usize): void {
  const packed = scratch + FRESH_BYTES;
  const panels = (j1 - j0 + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const sums = packed + ((<usize>(panels * TILE_COLUMNS * DEPTH)) << 2);
  const tiles = (i1 - i0 + TILE_ROWS - 1) / TILE_ROWS;
  const spare = sums + <usize>(tiles * panels) * TILE_BYTES;
  const stretch = stretchOf(p.K, DEPTH);
  for (let k = 0; k < p.K; k += stretch) {
    const depth = min(stretch, p.K - k);
    const size = p.rowsB * p.pitchB;
    packWeight(p.b, p.typeB, size, 0, p.pitchB, p.transposedB, j0, panels, p.N, k, depth, packed, spare);
    const a = p.a + ((<usize>(p.transposedA ? k * p.pitchA : k)) << 2);
    multiply(a, p.pitchA, p.transposedA, p.M, i0, i1, depth, packed, panels, sums, k > 0, scratch);
  }
  if (p.R > 0) {
    if (p.scale !== 1.0) scaleSums(sums, tiles, panels, p.scale);
    const part = stretchOf(p.R, DEPTH);
    for (let k = 0; k < p.R; k += part) {
      const depth = min(part, p.R - k);
      pack(p.l, p.pitchL, p.transposedB, j0, panels, p.N, k, depth, p.lowRankScale, packed);
      multiply(p.z + ((<usize>k) << 2), p.pitchZ, 0, p.M, i0, i1, depth, packed, panels, sums, true, scratch);
    }
  }
  finish(p, i0, i1, j0, j1, sums, panels);
}

function scaleSums(sums: usize, tiles: i32, panels: i32, scale: f32): void {
  const f = f32x4.splat(scale);
  const end = sums + <usize>(tiles * panels) * TILE_BYTES;
  for (let s = sums; s < end; s += 16) v128.store(s, f32x4.mul(v128.load(s), f));
}

/** Turns the sums of a block into its part of C. */
function finish(p: MatmulArguments, i0: i32, i1: i32, j0: i32, j1: i32, sums: usize, panels: i32): void {
  // With a low-rank term the sums are scaled already.
  const scale: f32 = p.R > 0 ? 1.0 : p.scale;
  const f = f32x4.splat(scale);
  for (let i = i0; i < i1; i++) {
    const tile = (i - i0) / TILE_ROWS;
    let s = sums + <usize>(tile * panels) * TILE_BYTES + ((<usize>(i - i0 - tile * TILE_ROWS)) << 5);
    const row = <usize>i * <usize>p.pitchC;
    for (let j = j0; j < j1; j += TILE_COLUMNS, s += TILE_BYTES) {
      const at = (row + j) << 2;
      if (j + TILE_COLUMNS <= j1) {
        finish4(p, s, at, (<usize>j) << 2, f);
        finish4(p, s + 16, at + 16, ((<usize>j) << 2) + 16, f);
      } else {
        for (let e = 0; e < j1 - j; e++) {
          const shift = (<usize>e) << 2;
          let x = load<f32>(s + shift) * scale;
          if (p.bias) x += load<f32>(p.bias + ((<usize>(j + e)) << 2));
          if (p.residual) x += load<f32>(p.residual + at + shift);
          if (p.accumulate) x += load<f32>(p.c + at + shift);
          if (p.activation >= 0) x = f32x4.extract_lane(activated(f32x4.splat(x), p.activation), 0);
          store<f32>(p.c + at + shift, x);
        }
      }
    }
  }
}

function finish4(p: MatmulArguments, s: usize, at: usize, column: usize, scale: v128): void {
  let x = f32x4.mul(v128.load(s), scale);
  if (p.bias) x = f32x4.add(x, v128.load(p.bias + column));
  if (p.residual) x = f32x4.add(x, v128.load(p.residual + at));
  if (p.accumulate) x = f32x4.add(x, v128.load(p.c + at));
  if (p.activation >= 0) x = activated(x, p.activation);
  v128.store(p.c + at, x);
}
