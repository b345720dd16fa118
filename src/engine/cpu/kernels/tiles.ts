// Register tiles of 6 × 8: what the products of matmul.ts and attention.ts are made of.
//
// A tile has twelve vectors of sums, the two of B and one of A, in fifteen registers: x64 leaves no more. It must stay a function of its own, which
// it does because it is exported: inlined in its loops, V8 runs out of registers. It may only add up and store: a branch that continues older sums
// costs a third of its speed. Sums of tiles lie [tile of rows][panel][6][8].
//
// If many panels follow, six rows of A are packed as well, [k][6]. Then a tile has two addresses to advance and not seven, and runs a sixth faster.
import { madd } from './common';

/** Rows and columns of a tile, and the bytes of its sums. */
export const TILE_ROWS: i32 = 6;
export const TILE_COLUMNS: i32 = 8;
export const TILE_BYTES: usize = 192;
/** The most k of six packed rows, and the bytes of `fresh`: a tile of sums, then these rows. */
const PACKED_DEPTH: i32 = 512;
export const FRESH_BYTES: usize = TILE_BYTES + ((<usize>(TILE_ROWS * PACKED_DEPTH)) << 2);
/** From so many panels on, packing rows is worth it. */
const PACKS_FROM: i32 = 4;

/** K is cut in as few stretches of at most `most` as possible, of about the same length, which is a multiple of 64. */
export function stretchOf(K: i32, most: i32): i32 {
  const count = (K + most - 1) / most;
  return ((K + count - 1) / count + 63) & ~63;
}

/**
 * Adds the products of some rows of A (from its first k on) with all panels to the sums, or starts the sums. Each call first adds up its own
 * products: a sum over a long K is then made of short ones, which round less. `fresh` has room for FRESH_BYTES.
 *
 * @param depth at most 512
 */
export function multiply(
  a: usize,
  pitch: i32,
  transposed: i32,
  M: i32,
  i0: i32,
  i1: i32,
  depth: i32,
  packed: usize,
  panels: i32,
  sums: usize,
  going: bool,
  fresh: usize,
): void {
  const panelBytes = (<usize>(depth * TILE_COLUMNS)) << 2;
  const row = (<usize>pitch) << 2;
  let s = sums;
  for (let i = i0; i < i1; i += TILE_ROWS, s += <usize>panels * TILE_BYTES) {
    if (transposed) {
      // The last tile may read a few numbers after its rows. Their results are not stored.
      const at = a + ((<usize>i) << 2);
      if (panels >= PACKS_FROM) {
        packSixColumns(at, row, depth, fresh + TILE_BYTES);
        meetPanels(depth, packed, panelBytes, panels, s, going, fresh);
        continue;
      }
      let b = packed;
      for (let g = 0; g < panels; g++, b += panelBytes) {
        const to = s + <usize>g * TILE_BYTES;
        tileOfColumns(at, row, b, depth, going ? fresh : to);
        if (going) addTile(to, fresh);
      }
    } else {
      // The last row stands in for missing ones.
      const last = M - 1;
      const a0 = a + <usize>i * row;
      const a1 = a + <usize>min(i + 1, last) * row;
      const a2 = a + <usize>min(i + 2, last) * row;
      const a3 = a + <usize>min(i + 3, last) * row;
      const a4 = a + <usize>min(i + 4, last) * row;
      const a5 = a + <usize>min(i + 5, last) * row;
      multiplySix(a0, a1, a2, a3, a4, a5, depth, packed, panelBytes, panels, s, going, fresh);
    }
  }
}

/** `multiply` for six rows of A at any addresses, each row contiguous, and panels `panelBytes` apart. */
export function multiplySix(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  a4: usize,
  a5: usize,
  depth: i32,
  packed: usize,
  panelBytes: usize,
  panels: i32,
  sums: usize,
  going: bool,
  fresh: usize,
): void {
  if (panels >= PACKS_FROM) {
    packSixRows(a0, a1, a2, a3, a4, a5, depth, fresh + TILE_BYTES);
    meetPanels(depth, packed, panelBytes, panels, sums, going, fresh);
    return;
  }
  for (let g = 0; g < panels; g++, packed += panelBytes, sums += TILE_BYTES) {
    tileOfRows(a0, a1, a2, a3, a4, a5, packed, depth, going ? fresh : sums);
    if (going) addTile(sums, fresh);
  }
}

/** `multiply` for the six rows of A that are packed after `fresh`. */
function meetPanels(
  depth: i32,
  packed: usize,
  panelBytes: usize,
  panels: i32,
  sums: usize,
  going: bool,
  fresh: usize,
): void {
  for (let g = 0; g < panels; g++, packed += panelBytes, sums += TILE_BYTES) {
    tileOfPacked(fresh + TILE_BYTES, packed, depth, going ? fresh : sums);
    if (going) addTile(sums, fresh);
  }
}

/** Adds the sums of a tile to others. */
export function addTile(s: usize, fresh: usize): void {
  for (let i: usize = 0; i < TILE_BYTES; i += 16)
    v128.store(s + i, f32x4.add(v128.load(s + i), v128.load(fresh + i)));
}

/** A tile of six rows of A at any addresses, each row contiguous. */
export function tileOfRows(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  a4: usize,
  a5: usize,
  b: usize,
  depth: i32,
  s: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f32>(a0);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f32>(a1);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f32>(a2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f32>(a3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    x = v128.load_splat<f32>(a4);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    x = v128.load_splat<f32>(a5);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    b += 32;
  }
  v128.store(s, c00);
  v128.store(s, c01, 16);
  v128.store(s, c10, 32);
  v128.store(s, c11, 48);
  v128.store(s, c20, 64);
  v128.store(s, c21, 80);
  v128.store(s, c30, 96);
  v128.store(s, c31, 112);
  v128.store(s, c40, 128);
  v128.store(s, c41, 144);
  v128.store(s, c50, 160);
  v128.store(s, c51, 176);
}

/** A tile of six rows of op(A) that are columns of A: contiguous for each k, `row` bytes from one k to the next. */
export function tileOfColumns(a: usize, row: usize, b: usize, depth: i32, s: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b),
      b1 = v128.load(b, 16);
    let x = v128.load_splat<f32>(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f32>(a, 4);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f32>(a, 8);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f32>(a, 12);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    x = v128.load_splat<f32>(a, 16);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    x = v128.load_splat<f32>(a, 20);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    a += row;
    b += 32;
  }
  v128.store(s, c00);
  v128.store(s, c01, 16);
  v128.store(s, c10, 32);
  v128.store(s, c11, 48);
  v128.store(s, c20, 64);
  v128.store(s, c21, 80);
  v128.store(s, c30, 96);
  v128.store(s, c31, 112);
  v128.store(s, c40, 128);
  v128.store(s, c41, 144);
  v128.store(s, c50, 160);
  v128.store(s, c51, 176);
}

/** A tile of six packed rows of A: [k][6]. */
export function tileOfPacked(a: usize, b: usize, depth: i32, s: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f32>(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f32>(a, 4);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f32>(a, 8);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f32>(a, 12);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    x = v128.load_splat<f32>(a, 16);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    x = v128.load_splat<f32>(a, 20);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    a += 24;
    b += 32;
  }
  v128.store(s, c00);
  v128.store(s, c01, 16);
  v128.store(s, c10, 32);
  v128.store(s, c11, 48);
  v128.store(s, c20, 64);
  v128.store(s, c21, 80);
  v128.store(s, c30, 96);
  v128.store(s, c31, 112);
  v128.store(s, c40, 128);
  v128.store(s, c41, 144);
  v128.store(s, c50, 160);
  v128.store(s, c51, 176);
}

/** Packs six rows of A, [k][6]. */
function packSixRows(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  a4: usize,
  a5: usize,
  depth: i32,
  to: usize,
): void {
  let k = 0;
  for (; k <= depth - 4; k += 4) {
    const x0 = v128.load(a0);
    const x1 = v128.load(a1);
    const x2 = v128.load(a2);
    const x3 = v128.load(a3);
    const x4 = v128.load(a4);
    const x5 = v128.load(a5);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    const low45 = v128.shuffle<f32>(x4, x5, 0, 4, 1, 5);
    const high45 = v128.shuffle<f32>(x4, x5, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
    v128.store_lane<f64>(to, low45, 0, 16);
    v128.store(to, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), 24);
    v128.store_lane<f64>(to, low45, 1, 40);
    v128.store(to, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 48);
    v128.store_lane<f64>(to, high45, 0, 64);
    v128.store(to, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), 72);
    v128.store_lane<f64>(to, high45, 1, 88);
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    a4 += 16;
    a5 += 16;
    to += 96;
  }
  for (; k < depth; k++, to += 24) {
    store<f32>(to, load<f32>(a0));
    store<f32>(to, load<f32>(a1), 4);
    store<f32>(to, load<f32>(a2), 8);
    store<f32>(to, load<f32>(a3), 12);
    store<f32>(to, load<f32>(a4), 16);
    store<f32>(to, load<f32>(a5), 20);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
  }
}

/** The same for six columns of A, `row` bytes from one k to the next. */
function packSixColumns(a: usize, row: usize, depth: i32, to: usize): void {
  for (let k = 0; k < depth; k++, a += row, to += 24) {
    v128.store(to, v128.load(a));
    store<f64>(to, load<f64>(a, 16), 16);
  }
}
