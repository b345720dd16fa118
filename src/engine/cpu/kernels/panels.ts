// Columns of B in panels of eight, k by k, as the tiles of tiles.ts meet them.
import { unpack } from './blocks';
import { F32 } from './common';
import { TILE_COLUMNS } from './tiles';

/** Packs k … k + depth of the columns from j on, all f32, into panels [panel][k][8], times a factor. Missing columns get arbitrary numbers. */
export function pack(
  b: usize,
  pitch: i32,
  transposed: i32,
  j: i32,
  panels: i32,
  N: i32,
  k: i32,
  depth: i32,
  factor: f32,
  packed: usize,
): void {
  const panelBytes = (<usize>(depth * TILE_COLUMNS)) << 2;
  const row = (<usize>pitch) << 2;
  for (let g = 0; g < panels; g++) {
    const to = packed + <usize>g * panelBytes;
    const column = j + g * TILE_COLUMNS;
    if (!transposed) {
      packColumns(b + <usize>k * row + ((<usize>column) << 2), row, depth, factor, to);
      continue;
    }
    const from = b + ((<usize>k) << 2);
    // The last column stands in for missing ones.
    const last = N - 1;
    for (let half = 0; half < 2; half++) {
      const first = column + 4 * half;
      packRows(
        from + <usize>min(first, last) * row,
        from + <usize>min(first + 1, last) * row,
        from + <usize>min(first + 2, last) * row,
        from + <usize>min(first + 3, last) * row,
        depth,
        factor,
        to + ((<usize>half) << 4),
      );
    }
  }
}

/** Half a panel of four rows of B, side by side in the panel: blocks of 4 × 4 are transposed. */
function packRows(r0: usize, r1: usize, r2: usize, r3: usize, depth: i32, factor: f32, to: usize): void {
  const f = f32x4.splat(factor);
  let k = 0;
  for (; k <= depth - 4; k += 4) {
    const x0 = f32x4.mul(v128.load(r0), f);
    const x1 = f32x4.mul(v128.load(r1), f);
    const x2 = f32x4.mul(v128.load(r2), f);
    const x3 = f32x4.mul(v128.load(r3), f);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
    v128.store(to, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), 32);
    v128.store(to, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 64);
    v128.store(to, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), 96);
    r0 += 16;
    r1 += 16;
    r2 += 16;
    r3 += 16;
    to += 128;
  }
  for (; k < depth; k++) {
    store<f32>(to, load<f32>(r0) * factor);
    store<f32>(to, load<f32>(r1) * factor, 4);
    store<f32>(to, load<f32>(r2) * factor, 8);
    store<f32>(to, load<f32>(r3) * factor, 12);
    r0 += 4;
    r1 += 4;
    r2 += 4;
    r3 += 4;
    to += 32;
  }
}

/** A panel of eight columns of B. The last may read a few numbers after the end of a row. */
function packColumns(from: usize, row: usize, depth: i32, factor: f32, to: usize): void {
  const f = f32x4.splat(factor);
  for (let k = 0; k < depth; k++) {
    v128.store(to, f32x4.mul(v128.load(from), f));
    v128.store(to, f32x4.mul(v128.load(from, 16), f), 16);
    from += row;
    to += 32;
  }
}

/**
 * `pack` for a weight of any type: some of one that is not f32 is unpacked at a time.
 *
 * @param size numbers of the whole weight
 * @param from the first number of the matrix in it
 * @param spare memory of a panel
 */
export function packWeight(
  b: usize,
  type: i32,
  size: i32,
  from: i32,
  pitch: i32,
  transposed: i32,
  j: i32,
  panels: i32,
  N: i32,
  k: i32,
  depth: i32,
  packed: usize,
  spare: usize,
): void {
  if (type === F32) {
    pack(b + ((<usize>from) << 2), pitch, transposed, j, panels, N, k, depth, 1.0, packed);
    return;
  }
  const panelBytes = (<usize>(depth * TILE_COLUMNS)) << 2;
  if (transposed) {
    for (let g = 0; g < panels; g++) {
      for (let column = 0; column < TILE_COLUMNS; column++) {
        const row = min(j + g * TILE_COLUMNS + column, N - 1);
        const to = spare + ((<usize>(column * depth)) << 2);
        unpack(b, type, size, from + row * pitch + k, depth, to);
      }
      pack(spare, depth, 1, 0, 1, TILE_COLUMNS, 0, depth, 1.0, packed + <usize>g * panelBytes);
    }
    return;
  }
  const count = min(panels * TILE_COLUMNS, N - j);
  for (let i = 0; i < depth; i++) {
    unpack(b, type, size, from + (k + i) * pitch + j, count, spare);
    let to = packed + ((<usize>(i * TILE_COLUMNS)) << 2);
    for (let at = spare; at < spare + ((<usize>count) << 2); at += 32, to += panelBytes) {
      v128.store(to, v128.load(at));
      v128.store(to, v128.load(at, 16), 16);
    }
  }
}
