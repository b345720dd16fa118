// What attention and its backward share: the sizes of their units, which keys a query sees, and rows of sums. attention.ts says what the letters mean.
import { Read } from './common';
import { TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';

/** Rows of a unit: OWN_ROWS in ../lower/attention.ts. */
export const OWN: i32 = 48;
/** Rows of the other side that it meets at a time. */
export const OTHERS: i32 = 64;
/** Bytes of OWN × OTHERS numbers. */
export const SQUARE_BYTES: usize = (<usize>(OWN * OTHERS)) << 2;

// A masked score, and the maximum of no scores: exp of their difference is 0, never NaN.
const MASKED: f32 = -1e30;
export const NO_TOP: f32 = -1e29;

/** The address of row r in the sums of tiles; panels are TILE_BYTES apart. */
export function rowOfSums(sums: usize, r: i32, panels: i32): usize {
  const tile = r / TILE_ROWS;
  return sums + <usize>(tile * panels) * TILE_BYTES + ((<usize>(r - tile * TILE_ROWS)) << 5);
}

/** Turns in which a unit meets the keys: with shared prefixes first those of the prefix, then its own. */
export function turnsOf(shared: i32): i32 {
  return shared ? 2 : 1;
}

/** The first key of query m in a turn, with the window applied. */
export function firstKey(keyRanges: Read, m: i32, window: i32, shared: i32 = 0, turn: i32 = 0): i32 {
  const range = rangeOf(keyRanges, m, shared, turn);
  const start = load<i32>(range);
  if (window === 0) return start;
  // Its own keys come after those of the prefix, which get what they leave of the window.
  const later = shared && turn === 0 ? load<i32>(range, 12) - load<i32>(range, 8) : 0;
  return max(start, load<i32>(range, 4) - max(window - later, 0));
}

export function endKey(keyRanges: Read, m: i32, shared: i32 = 0, turn: i32 = 0): i32 {
  return load<i32>(rangeOf(keyRanges, m, shared, turn), 4);
}

function rangeOf(keyRanges: Read, m: i32, shared: i32, turn: i32): usize {
  return keyRanges + ((<usize>((m << shared) + turn)) << 3);
}

/** How many keys query m sees without a window, in both turns. */
export function keysSeen(keyRanges: Read, m: i32): i32 {
  const range = rangeOf(keyRanges, m, 1, 0);
  return load<i32>(range, 4) - load<i32>(range) + load<i32>(range, 12) - load<i32>(range, 8);
}

/** Lanes of `x` whose place is in [start, end), MASKED in the others. */
export function masked(x: v128, place: v128, start: v128, end: v128): v128 {
  const inside = v128.and(i32x4.ge_s(place, start), i32x4.lt_s(place, end));
  return v128.bitselect(x, f32x4.splat(MASKED), inside);
}

export const FIRST_LANES = i32x4(0, 1, 2, 3);

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
