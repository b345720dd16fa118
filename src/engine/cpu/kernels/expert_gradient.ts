// The gradients of the matrices of experts: sums over the rows of each.
//
//   C[e, m, n] (+)= scale · Σ_s A[s, m] · B[s, n]       s = offsets[e] … offsets[e + 1] − 1
//
// A: [P, M], B: [P, N] f32. With `keptA` or `keptB` above zero, that side has a row for each token: row s is that of token rows[s] / kept. C, in this
// shard those of some experts from `firstExpert` on, is [experts, M, N] f32; M and N are multiples of four. A unit is a block of C of one expert, in tiles
// as in matmul.ts.
import { Read, Write } from './common';
import { FRESH_BYTES, multiply, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';
import { at4 } from './vectors';

@unmanaged
class ExpertGradientArguments {
  a: Read;
  b: Read;
  c: Write;
  offsets: Read;
  rows: Read;
  M: i32;
  N: i32;
  keptA: i32;
  keptB: i32;
  firstExpert: i32;
  scale: f32;
  accumulate: i32;
}

/** Sides of a block, and the most rows of a stretch. */
const ROWS: i32 = 48;
const COLUMNS: i32 = 64;
const DEPTH: i32 = 512;

export function expertGradient(p: ExpertGradientArguments, first: i32, end: i32, scratch: usize): void {
  const across = (p.N + COLUMNS - 1) / COLUMNS;
  const blocks = across * ((p.M + ROWS - 1) / ROWS);
  for (let unit = first; unit < end; unit++) {
    const expert = unit / blocks;
    const m = ((unit % blocks) / across) * ROWS;
    const n = (unit % across) * COLUMNS;
    block(p, expert, m, min(m + ROWS, p.M), n, min(n + COLUMNS, p.N), scratch);
  }
}

function block(
  p: ExpertGradientArguments,
  expert: i32,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  scratch: usize,
): void {
  const a = scratch + FRESH_BYTES;
  const packed = a + at4(ROWS * DEPTH);
  const sums = packed + at4(COLUMNS * DEPTH);
  const panels = (n1 - n0 + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const rows = m1 - m0;
  const tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  const offset = p.offsets + at4(p.firstExpert + expert);
  const start = <i32>load<u32>(offset);
  const last = <i32>load<u32>(offset, 4);
  if (start === last) memory.fill(sums, 0, <usize>(tiles * panels) * TILE_BYTES);
  for (let s = start; s < last; s += DEPTH) {
    const depth = min(DEPTH, last - s);
    for (let i = 0; i < depth; i++) {
      const fromA = p.a + (<usize>rowOf(p, s + i, p.keptA) * <usize>p.M + m0) * 4;
      memory.copy(a + at4(i * ROWS), fromA, at4(rows));
      let fromB = p.b + (<usize>rowOf(p, s + i, p.keptB) * <usize>p.N + n0) * 4;
      let to = packed + at4(i * TILE_COLUMNS);
      // The last panel may read a few numbers behind the end of a row.
      for (let g = 0; g < panels; g++, fromB += 32, to += at4(depth * TILE_COLUMNS)) {
        v128.store(to, v128.load(fromB));
        v128.store(to, v128.load(fromB, 16), 16);
      }
    }
    multiply(a, ROWS, 1, rows, 0, rows, depth, packed, panels, sums, s > start, scratch);
  }
  const f = f32x4.splat(p.scale);
  for (let i = 0; i < rows; i++) {
    const tile = i / TILE_ROWS;
    let s = sums + <usize>(tile * panels) * TILE_BYTES + ((<usize>(i - tile * TILE_ROWS)) << 5);
    const row = p.c + <usize>(expert * p.M + m0 + i) * <usize>p.N * 4;
    for (let n = n0; n < n1; n += TILE_COLUMNS, s += TILE_BYTES) {
      put(row + at4(n), f32x4.mul(v128.load(s), f), p.accumulate);
      if (n + 4 < n1) put(row + at4(n + 4), f32x4.mul(v128.load(s, 16), f), p.accumulate);
    }
  }
}

function rowOf(p: ExpertGradientArguments, s: i32, kept: i32): i32 {
  return kept > 0 ? <i32>load<u32>(p.rows + at4(s)) / kept : s;
}

function put(at: usize, x: v128, accumulate: i32): void {
  v128.store(at, accumulate ? f32x4.add(v128.load(at), x) : x);
}
