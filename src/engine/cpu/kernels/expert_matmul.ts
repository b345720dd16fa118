// Products of rows that are sorted by expert with the matrices of their experts.
//
//   NT: C[s, n] = scale · Σ_k A[s, k] · B[e, n, k]      NN: C[s, n] = scale · Σ_k A[s, k] · B[e, k, n]      (+ C)
//
// A, C: [P, K], [P, N] f32; offsets[e] … offsets[e + 1] are the rows of expert e. With `kept` above zero, A has a row for each token: row s is that of
// token rows[s] / kept. B, in this shard those of `experts` experts from `firstExpert` on, is f32, f16 or in blocks.
//
// expertMatmul: a unit is some columns of one expert, whose rows meet them as in matmul.ts. expertVector: for few rows, as in matmul_vector.ts; a
// unit is one row of one matrix, NT only. The order of a sum depends on K.
import { unpack } from './blocks';
import { F32, Read, Write } from './common';
import { dot } from './matmul_vector';
import { packWeight } from './panels';
import { FRESH_BYTES, multiplySix, stretchOf, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';
import { at4 } from './vectors';

@unmanaged
class ExpertMatmulArguments {
  a: Read;
  b: Read;
  c: Write;
  offsets: Read;
  rows: Read;
  N: i32;
  K: i32;
  kept: i32;
  transposedB: i32;
  typeB: i32;
  /** Numbers of B. */
  size: i32;
  firstExpert: i32;
  scale: f32;
  accumulate: i32;
  /** Sides of a block: multiples of six and, where B is in blocks, of 64. */
  blockRows: i32;
  blockColumns: i32;
}

/** The most k of a stretch: DEPTH in ../lower/matmul.ts. */
const DEPTH: i32 = 512;

/** The address of row s of A. */
function rowOfA(p: ExpertMatmulArguments, s: i32): usize {
  const row = p.kept > 0 ? <i32>load<u32>(p.rows + at4(s)) / p.kept : s;
  return p.a + <usize>row * <usize>p.K * 4;
}

export function expertMatmul(p: ExpertMatmulArguments, first: i32, end: i32, scratch: usize): void {
  const across = (p.N + p.blockColumns - 1) / p.blockColumns;
  for (let unit = first; unit < end; unit++) {
    const expert = unit / across;
    const j = (unit % across) * p.blockColumns;
    const offset = p.offsets + at4(p.firstExpert + expert);
    const last = <i32>load<u32>(offset, 4);
    for (let i = <i32>load<u32>(offset); i < last; i += p.blockRows)
      block(p, expert, i, min(i + p.blockRows, last), j, min(j + p.blockColumns, p.N), scratch);
  }
}

function block(
  p: ExpertMatmulArguments,
  expert: i32,
  i0: i32,
  i1: i32,
  j0: i32,
  j1: i32,
  scratch: usize,
): void {
  const packed = scratch + FRESH_BYTES;
  const panels = (j1 - j0 + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const panelColumns = panels * TILE_COLUMNS;
  const sums = packed + at4(panelColumns * DEPTH);
  const tiles = (i1 - i0 + TILE_ROWS - 1) / TILE_ROWS;
  const spare = sums + <usize>(tiles * panels) * TILE_BYTES;
  const stretch = stretchOf(p.K, DEPTH);
  const from = expert * p.N * p.K;
  const pitch = p.transposedB ? p.K : p.N;
  for (let k = 0; k < p.K; k += stretch) {
    const depth = min(stretch, p.K - k);
    packWeight(p.b, p.typeB, p.size, from, pitch, p.transposedB, j0, panels, p.N, k, depth, packed, spare);
    multiplyRows(p, i0, i1, k, depth, packed, panels, sums, k > 0, scratch);
  }
  const f = f32x4.splat(p.scale);
  for (let i = i0; i < i1; i++) {
    const tile = (i - i0) / TILE_ROWS;
    let s = sums + <usize>(tile * panels) * TILE_BYTES + ((<usize>(i - i0 - tile * TILE_ROWS)) << 5);
    const row = p.c + <usize>i * <usize>p.N * 4;
    for (let j = j0; j < j1; j += TILE_COLUMNS, s += TILE_BYTES) {
      put(row + at4(j), f32x4.mul(v128.load(s), f), p.accumulate);
      if (j + 4 < j1) put(row + at4(j + 4), f32x4.mul(v128.load(s, 16), f), p.accumulate);
    }
  }
}

function put(at: usize, x: v128, accumulate: i32): void {
  v128.store(at, accumulate ? f32x4.add(v128.load(at), x) : x);
}

/** `multiply` of tiles.ts for rows of A anywhere. */
function multiplyRows(
  p: ExpertMatmulArguments,
  i0: i32,
  i1: i32,
  k: i32,
  depth: i32,
  packed: usize,
  panels: i32,
  sums: usize,
  going: bool,
  fresh: usize,
): void {
  const last = i1 - 1;
  const panelBytes = (<usize>(depth * TILE_COLUMNS)) << 2;
  const shift = at4(k);
  let s = sums;
  for (let i = i0; i < i1; i += TILE_ROWS, s += <usize>panels * TILE_BYTES) {
    // The last row stands in for missing ones.
    const a0 = rowOfA(p, i) + shift;
    const a1 = rowOfA(p, min(i + 1, last)) + shift;
    const a2 = rowOfA(p, min(i + 2, last)) + shift;
    const a3 = rowOfA(p, min(i + 3, last)) + shift;
    const a4 = rowOfA(p, min(i + 4, last)) + shift;
    const a5 = rowOfA(p, min(i + 5, last)) + shift;
    multiplySix(a0, a1, a2, a3, a4, a5, depth, packed, panelBytes, panels, s, going, fresh);
  }
}

export function expertVector(p: ExpertMatmulArguments, first: i32, end: i32, scratch: usize): void {
  const K = p.K;
  for (let unit = first; unit < end; unit++) {
    const expert = unit / p.N;
    const offset = p.offsets + at4(p.firstExpert + expert);
    const start = <i32>load<u32>(offset);
    const last = <i32>load<u32>(offset, 4);
    if (start === last) continue;
    let row = p.b + <usize>unit * <usize>K * 4;
    if (p.typeB !== F32) {
      row = scratch;
      unpack(p.b, p.typeB, p.size, unit * K, K, row);
    }
    for (let s = start; s < last; s++) {
      const at = p.c + (<usize>s * <usize>p.N + <usize>(unit % p.N)) * 4;
      let x = dot(rowOfA(p, s), row, K) * p.scale;
      if (p.accumulate) x += load<f32>(at);
      store<f32>(at, x);
    }
  }
}
