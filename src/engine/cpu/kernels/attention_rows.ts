// What attention and its backward share: the sizes of their units, which keys a query sees, and rows of sums. attention.ts says what the letters mean.
import { madd, Read, sum4 } from './common';
import { multiplySix, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';

/** Rows of a unit of the backward pass: OWN_ROWS in ../lower/attention.ts. */
export const OWN: i32 = 48;
/** Bytes of scratch memory for what is packed of the other side: SCRATCH_BYTES in ../command.ts, without the sums of 192 rows of 256 numbers. */
const PACKED_BYTES: i32 = 306000;
/** Rows of the other side that are packed at once at most: numbers of six rows with each of them then fit in the first cache. */
const MAX_OTHERS: i32 = 512;

// A masked score, and the maximum of no scores: exp of their difference is 0, never NaN.
export const MASKED: f32 = -1e30;
export const NO_TOP: f32 = -1e29;

/**
 * Rows of the other side that are packed at once: a multiple of the columns of a tile.
 *
 * @param width panels of a row
 * @param copies of each row, packed
 * @param squares numbers for each of them with each of six rows
 * @param more further bytes for each of them
 */
export function othersAtOnce(width: i32, copies: i32, squares: i32, more: i32): i32 {
  const bytes = copies * width * TILE_COLUMNS * 4 + squares * TILE_ROWS * 4 + more;
  return min(MAX_OTHERS, (PACKED_BYTES / bytes) & -TILE_COLUMNS);
}

/** The address of row r in the sums of tiles; panels are TILE_BYTES apart. */
export function rowOfSums(sums: usize, r: i32, panels: i32): usize {
  const tile = r / TILE_ROWS;
  return sums + <usize>(tile * panels) * TILE_BYTES + ((<usize>(r - tile * TILE_ROWS)) << 5);
}

/** The first key of query m in a turn, with the window applied. */
export function firstKey(keyRanges: Read, m: i32, window: i32, ranges: i32 = 1, turn: i32 = 0): i32 {
  const range = rangeOf(keyRanges, m, ranges, turn);
  const start = load<i32>(range);
  if (window === 0) return start;
  // The keys of later turns come after these, which get what they leave of the window.
  let room = window;
  for (let later = turn + 1; later < ranges; later++) {
    const keys = rangeOf(keyRanges, m, ranges, later);
    room -= load<i32>(keys, 4) - load<i32>(keys);
  }
  return max(start, load<i32>(range, 4) - max(room, 0));
}

export function endKey(keyRanges: Read, m: i32, ranges: i32 = 1, turn: i32 = 0): i32 {
  return load<i32>(rangeOf(keyRanges, m, ranges, turn), 4);
}

function rangeOf(keyRanges: Read, m: i32, ranges: i32, turn: i32): usize {
  return keyRanges + ((<usize>(m * ranges + turn)) << 3);
}

/** How many keys query m sees without a window, in all turns. */
export function keysSeen(keyRanges: Read, m: i32, ranges: i32): i32 {
  let seen = 0;
  for (let turn = 0; turn < ranges; turn++) {
    const keys = rangeOf(keyRanges, m, ranges, turn);
    seen += load<i32>(keys, 4) - load<i32>(keys);
  }
  return seen;
}

/** Whether the keys of query m lie next to those of the one before it, or among them, in every turn in which both have some. */
export function staysNear(keyRanges: Read, m: i32, ranges: i32): bool {
  for (let turn = 0; turn < ranges; turn++) {
    const keys = rangeOf(keyRanges, m, ranges, turn);
    const before = rangeOf(keyRanges, m - 1, ranges, turn);
    const start = load<i32>(keys);
    const end = load<i32>(keys, 4);
    const startBefore = load<i32>(before);
    const endBefore = load<i32>(before, 4);
    if (start === end || startBefore === endBefore) continue;
    if (start > endBefore || startBefore > end) return false;
  }
  return true;
}

/** Lanes of `x` whose place is in [start, end), MASKED in the others. */
export function masked(x: v128, place: v128, start: v128, end: v128): v128 {
  const inside = v128.and(i32x4.ge_s(place, start), i32x4.lt_s(place, end));
  return v128.bitselect(x, f32x4.splat(MASKED), inside);
}

export const FIRST_LANES = i32x4(0, 1, 2, 3);

/**
 * Adds six rows of weights times rows of the other side to their sums: the last row stands in for missing ones.
 *
 * @param row bytes from one row of weights to the next
 * @param others packed, with each row contiguous
 * @param panelBytes from one panel of them to the next
 */
export function addRows(
  weights: usize,
  row: usize,
  rows: i32,
  depth: i32,
  others: usize,
  panelBytes: usize,
  sums: usize,
  width: i32,
  fresh: usize,
): void {
  const last = rows - 1;
  const w1 = weights + <usize>min(1, last) * row;
  const w2 = weights + <usize>min(2, last) * row;
  const w3 = weights + <usize>min(3, last) * row;
  const w4 = weights + <usize>min(4, last) * row;
  const w5 = weights + <usize>last * row;
  multiplySix(weights, w1, w2, w3, w4, w5, depth, others, panelBytes, width, sums, true, fresh);
}

/** A row of D numbers from its sums: D is a multiple of four. */
export function putRow(to: usize, sums: usize, D: i32, factor: f32, accumulate: i32): void {
  const f = f32x4.splat(factor);
  for (let d = 0; d < D; d += 4) {
    const from = sums + <usize>(d / TILE_COLUMNS) * TILE_BYTES + ((<usize>(d & 4)) << 2);
    const at = to + ((<usize>d) << 2);
    let x = f32x4.mul(v128.load(from), f);
    if (accumulate) x = f32x4.add(x, v128.load(at));
    v128.store(at, x);
  }
}

// Constants of expRow: the bound, 1 / ln 2, a number so large that only whole numbers can be added, −ln 2 in two parts, factors of r⁶ to r², and 1.
const EXP = memory.data<f32>([
  -87.0, 1.4426950408889634, 12582912.0, -0.693359375, 2.1219444e-4, 1.383683761e-3, 8.374822326e-3,
  4.166822508e-2, 0.166664198, 0.4999999106, 1.0,
]);

/**
 * Stores eˣ of a row of scores less `top`, which are at most 88, in a row of weights. Below −87 it is that of −87, which is as good as nothing next to
 * the weight 1 of the top. NaN stays NaN. x = n · ln 2 + r with |r| ≤ ln 2 / 2; the polynomial for eʳ is off by at most 2e-9 of it, and n is added to
 * its exponent. It loads its constants once for each row.
 *
 * @param panels of the scores, TILE_BYTES apart
 * @returns the sum of the weights
 */
export function expRow(scores: usize, top: f32, weights: usize, panels: i32): f32 {
  const bound = v128.load_splat<f32>(EXP);
  const perLn2 = v128.load_splat<f32>(EXP, 4);
  const large = v128.load_splat<f32>(EXP, 8);
  const ln2High = v128.load_splat<f32>(EXP, 12);
  const ln2Low = v128.load_splat<f32>(EXP, 16);
  const c6 = v128.load_splat<f32>(EXP, 20);
  const c5 = v128.load_splat<f32>(EXP, 24);
  const c4 = v128.load_splat<f32>(EXP, 28);
  const c3 = v128.load_splat<f32>(EXP, 32);
  const c2 = v128.load_splat<f32>(EXP, 36);
  const one = v128.load_splat<f32>(EXP, 40);
  const h = f32x4.splat(top);
  let sum = f32x4.splat(0.0);
  let step: usize = 16;
  for (let quad = 0; quad < panels * 2; quad++) {
    const x = f32x4.pmax(f32x4.sub(v128.load(scores), h), bound);
    const shifted = madd(x, perLn2, large);
    const n = f32x4.sub(shifted, large);
    const r = madd(n, ln2Low, madd(n, ln2High, x));
    let e = madd(r, c6, c5);
    e = madd(e, r, c4);
    e = madd(e, r, c3);
    e = madd(e, r, c2);
    e = madd(e, r, one);
    e = madd(e, r, one);
    e = i32x4.add(e, i32x4.shl(shifted, 23));
    v128.store(weights, e);
    sum = f32x4.add(sum, e);
    weights += 16;
    scores += step;
    step = TILE_BYTES - step;
  }
  return sum4(sum);
}
