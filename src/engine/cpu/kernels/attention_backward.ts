// The backward pass of attention, in three kernels: `attentionPrepare`, `attentionQueries` and `attentionKeys`. attention.ts has the maths, the shapes and
// the units.
import { exp4, madd, Read, sum4, Write } from './common';
import {
  addRows,
  endKey,
  FIRST_LANES,
  firstKey,
  keysSeen,
  masked,
  othersAtOnce,
  OWN,
  putRow,
  rowOfSums,
} from './attention_rows';
import { pack } from './panels';
import { FRESH_BYTES, multiply, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';

@unmanaged
class AttentionBackwardArguments {
  q: Read;
  k: Read;
  v: Read;
  keyRanges: Read;
  queryRanges: Read;
  saved: Read;
  result: Read;
  dO: Read;
  prepared: Write;
  rows: Read;
  dq: Write;
  dk: Write;
  dv: Write;
  M: i32;
  N: i32;
  H: i32;
  KV: i32;
  D: i32;
  window: i32;
  ranges: i32;
  scale: f32;
  accumulate: i32;
  accumulateV: i32;
}

/** A unit is one query of one head. */
export function attentionPrepare(p: AttentionBackwardArguments, first: i32, end: i32, _scratch: usize): void {
  const bytes = (<usize>p.D) << 2;
  for (let unit = first; unit < end; unit++) {
    const at = <usize>unit * bytes;
    let dot = f32x4.splat(0.0);
    for (let d: usize = 0; d < bytes; d += 16)
      dot = madd(v128.load(p.result + at + d), v128.load(p.dO + at + d), dot);
    const row = p.prepared + ((<usize>unit) << 4);
    const m = unit / p.H;
    store<f32>(row, load<f32>(p.saved + ((<usize>unit) << 2)));
    store<f32>(row, sum4(dot), 4);
    if (p.ranges > 1) {
      store<i32>(row, keysSeen(p.keyRanges, m, p.ranges) - 1, 8);
      store<i32>(row, 0, 12);
    } else {
      store<i32>(row, firstKey(p.keyRanges, m, p.window), 8);
      store<i32>(row, endKey(p.keyRanges, m), 12);
    }
  }
}

/** The first key that query m of head h sees in a turn. */
function firstSeen(p: AttentionBackwardArguments, m: i32, h: i32, turn: i32): i32 {
  if (p.ranges > 1) return firstKey(p.keyRanges, m, p.window, p.ranges, turn);
  return load<i32>(p.rows + ((<usize>(m * p.H + h)) << 4), 8);
}

/** The key after the last that it sees. */
function endSeen(p: AttentionBackwardArguments, m: i32, h: i32, turn: i32): i32 {
  if (p.ranges > 1) return endKey(p.keyRanges, m, p.ranges, turn);
  return load<i32>(p.rows + ((<usize>(m * p.H + h)) << 4), 12);
}

// A unit of each of the next two kernels is OWN rows of one head. The other side goes to scratch memory in panels. Six rows at a time meet only the panels
// that at least one of them sees, so that most of what a causal mask or another sequence hides is never computed.

export function attentionQueries(p: AttentionBackwardArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const most = othersAtOnce(width, 3, 3, 0);
  const packedBytes = (<usize>(most * width * TILE_COLUMNS)) << 2;
  const rowBytes = (<usize>most) << 2;
  const keys = scratch + FRESH_BYTES;
  const values = keys + packedBytes;
  const again = values + packedBytes;
  const scores = again + packedBytes;
  const products = scores + rowBytes * TILE_ROWS;
  const slopes = products + rowBytes * TILE_ROWS;
  const sums = slopes + rowBytes * TILE_ROWS;
  const panelBytes = (<usize>(D * TILE_COLUMNS)) << 2;
  const pitch = p.H * D;
  const pitchK = p.KV * D;
  const blocks = (p.M + OWN - 1) / OWN;

  for (let unit = first; unit < end; unit++) {
    const h = unit / blocks;
    const m0 = (unit % blocks) * OWN;
    const count = min(OWN, p.M - m0);
    const mine = (<usize>(h * D)) << 2;
    const head = (<usize>(((h * p.KV) / p.H) * D)) << 2;
    const tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
    memory.fill(sums, 0, <usize>(tiles * width) * TILE_BYTES);

    for (let turn = 0; turn < p.ranges; turn++) {
      const to = min(endOfKeys(p, m0, count, h, turn), p.N);
      for (let j = firstOfKeys(p, m0, count, h, turn); j < to; j += most) {
        const there = min(most, to - j);
        const panels = (there + TILE_COLUMNS - 1) / TILE_COLUMNS;
        pack(p.k + head, pitchK, 1, j, panels, to, 0, D, p.scale, keys);
        pack(p.v + head, pitchK, 1, j, panels, to, 0, D, 1.0, values);
        pack(p.k + head, pitchK, 0, 0, width, D, j, there, p.scale, again);
        for (let i = 0; i < count; i += TILE_ROWS) {
          const m = m0 + i;
          const rows = min(TILE_ROWS, count - i);
          const skipped = max(firstOfKeys(p, m, rows, h, turn) - j, 0) / TILE_COLUMNS;
          const start = j + skipped * TILE_COLUMNS;
          const stop = min(endOfKeys(p, m, rows, h, turn), j + there);
          if (start >= stop) continue;
          const met = (stop - start + TILE_COLUMNS - 1) / TILE_COLUMNS;
          const before = <usize>skipped * panelBytes;
          multiply(p.q + mine, pitch, 0, p.M, m, m + rows, D, keys + before, met, scores, false, scratch);
          multiply(
            p.dO + mine,
            pitch,
            0,
            p.M,
            m,
            m + rows,
            D,
            values + before,
            met,
            products,
            false,
            scratch,
          );
          for (let row = 0; row < rows; row++) {
            const facts = p.rows + ((<usize>((m + row) * p.H + h)) << 4);
            const lse = f32x4.splat(load<f32>(facts));
            const delta = f32x4.splat(load<f32>(facts, 4));
            const starts = i32x4.splat(firstSeen(p, m + row, h, turn));
            const ends = i32x4.splat(endSeen(p, m + row, h, turn));
            let place = i32x4.add(i32x4.splat(start), FIRST_LANES);
            let s = scores + ((<usize>row) << 5);
            let d = products + ((<usize>row) << 5);
            let to = slopes + <usize>row * rowBytes;
            for (let quad = 0; quad < met * 2; quad++) {
              const weight = exp4(f32x4.sub(masked(v128.load(s), place, starts, ends), lse));
              v128.store(to, f32x4.mul(weight, f32x4.sub(v128.load(d), delta)));
              place = i32x4.add(place, i32x4.splat(4));
              const step: usize = quad & 1 ? TILE_BYTES - 16 : 16;
              s += step;
              d += step;
              to += 16;
            }
          }
          addRows(
            slopes,
            rowBytes,
            rows,
            stop - start,
            again + ((<usize>(skipped * TILE_COLUMNS)) << 5),
            (<usize>there) << 5,
            rowOfSums(sums, i, width),
            width,
            scratch,
          );
        }
      }
    }
    for (let i = 0; i < count; i++)
      putRow(
        p.dq + mine + ((<usize>((m0 + i) * pitch)) << 2),
        rowOfSums(sums, i, width),
        D,
        1.0,
        p.accumulate,
      );
  }
}

/** The first key that one of `count` queries of a head sees in a turn, or N. */
function firstOfKeys(p: AttentionBackwardArguments, m: i32, count: i32, h: i32, turn: i32): i32 {
  let from = p.N;
  for (const end = m + count; m < end; m++) {
    const start = firstSeen(p, m, h, turn);
    if (start < endSeen(p, m, h, turn)) from = min(from, start);
  }
  return from;
}

/** The key after the last that one of them sees, or 0. */
function endOfKeys(p: AttentionBackwardArguments, m: i32, count: i32, h: i32, turn: i32): i32 {
  let to = 0;
  for (const end = m + count; m < end; m++) {
    const stop = endSeen(p, m, h, turn);
    if (firstSeen(p, m, h, turn) < stop) to = max(to, stop);
  }
  return to;
}

export function attentionKeys(p: AttentionBackwardArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  // lse, delta, start and end of each query, four queries side by side, and its position.
  const most = othersAtOnce(width, 4, 4, 20);
  const packedBytes = (<usize>(most * width * TILE_COLUMNS)) << 2;
  const rowBytes = (<usize>most) << 2;
  const queries = scratch + FRESH_BYTES;
  const gradients = queries + packedBytes;
  const queriesAgain = gradients + packedBytes;
  const gradientsAgain = queriesAgain + packedBytes;
  const scores = gradientsAgain + packedBytes;
  const products = scores + rowBytes * TILE_ROWS;
  const weights = products + rowBytes * TILE_ROWS;
  const slopes = weights + rowBytes * TILE_ROWS;
  const facts = slopes + rowBytes * TILE_ROWS;
  const positions = facts + ((<usize>most) << 4);
  const sumsK = positions + ((<usize>most) << 2);
  const sumsV = sumsK + ((<usize>(OWN * width * TILE_COLUMNS)) << 2);
  const panelBytes = (<usize>(D * TILE_COLUMNS)) << 2;
  const pitch = p.H * D;
  const pitchK = p.KV * D;
  const blocks = (p.N + OWN - 1) / OWN;
  const heads = p.H / p.KV;

  for (let unit = first; unit < end; unit++) {
    const head = unit / blocks;
    const j0 = (unit % blocks) * OWN;
    const count = min(OWN, p.N - j0);
    const mine = (<usize>(head * D)) << 2;
    const from = firstOfQueries(p, j0, count);
    const to = min(endOfQueries(p, j0, count), p.M);
    const tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
    memory.fill(sumsK, 0, <usize>(tiles * width) * TILE_BYTES);
    memory.fill(sumsV, 0, <usize>(tiles * width) * TILE_BYTES);

    for (let h = head * heads; h < (head + 1) * heads; h++) {
      const theirs = (<usize>(h * D)) << 2;
      for (let m = from; m < to; m += most) {
        const there = min(most, to - m);
        const panels = (there + TILE_COLUMNS - 1) / TILE_COLUMNS;
        pack(p.q + theirs, pitch, 1, m, panels, to, 0, D, p.scale, queries);
        pack(p.dO + theirs, pitch, 1, m, panels, to, 0, D, 1.0, gradients);
        // Again, now with each row contiguous.
        pack(p.q + theirs, pitch, 0, 0, width, D, m, there, p.scale, queriesAgain);
        pack(p.dO + theirs, pitch, 0, 0, width, D, m, there, 1.0, gradientsAgain);
        for (let i = 0; i < panels * TILE_COLUMNS; i++) {
          const to = facts + ((<usize>(i >> 2)) << 6) + ((<usize>(i & 3)) << 2);
          const row = p.rows + ((<usize>((m + min(i, there - 1)) * p.H + h)) << 4);
          store<f32>(to, load<f32>(row));
          store<f32>(to, load<f32>(row, 4), 16);
          // With shared prefixes, `maskQueries` has masked the scores, and only its position is needed.
          store<i32>(to, p.ranges > 1 ? 0 : load<i32>(row, 8), 32);
          store<i32>(to, p.ranges > 1 ? i32.MAX_VALUE : i < there ? load<i32>(row, 12) : 0, 48);
          if (p.ranges > 1) store<i32>(positions + ((<usize>i) << 2), load<i32>(row, 8));
        }
        for (let i = 0; i < count; i += TILE_ROWS) {
          const j = j0 + i;
          const rows = min(TILE_ROWS, count - i);
          const skipped = max(firstOfQueries(p, j, rows) - m, 0) / TILE_COLUMNS;
          const start = m + skipped * TILE_COLUMNS;
          const stop = min(endOfQueries(p, j, rows), m + there);
          if (start >= stop) continue;
          const met = (stop - start + TILE_COLUMNS - 1) / TILE_COLUMNS;
          const before = <usize>skipped * panelBytes;
          multiply(p.k + mine, pitchK, 0, p.N, j, j + rows, D, queries + before, met, scores, false, scratch);
          multiply(
            p.v + mine,
            pitchK,
            0,
            p.N,
            j,
            j + rows,
            D,
            gradients + before,
            met,
            products,
            false,
            scratch,
          );
          for (let row = 0; row < rows; row++) {
            let s = scores + ((<usize>row) << 5);
            let d = products + ((<usize>row) << 5);
            if (p.ranges > 1)
              maskQueries(p, s, met, start, j + row, h, positions + ((<usize>(skipped * TILE_COLUMNS)) << 2));
            const key = i32x4.splat(j + row);
            let fact = facts + ((<usize>skipped) << 7);
            let at = <usize>row * rowBytes;
            for (let quad = 0; quad < met * 2; quad++) {
              const seen = masked(v128.load(s), key, v128.load(fact, 32), v128.load(fact, 48));
              const weight = exp4(f32x4.sub(seen, v128.load(fact)));
              v128.store(weights + at, weight);
              v128.store(slopes + at, f32x4.mul(weight, f32x4.sub(v128.load(d), v128.load(fact, 16))));
              const step: usize = quad & 1 ? TILE_BYTES - 16 : 16;
              s += step;
              d += step;
              fact += 64;
              at += 16;
            }
          }
          const depth = stop - start;
          const skippedBytes = (<usize>(skipped * TILE_COLUMNS)) << 5;
          const apart = (<usize>there) << 5;
          const ofK = rowOfSums(sumsK, i, width);
          const ofV = rowOfSums(sumsV, i, width);
          addRows(slopes, rowBytes, rows, depth, queriesAgain + skippedBytes, apart, ofK, width, scratch);
          addRows(weights, rowBytes, rows, depth, gradientsAgain + skippedBytes, apart, ofV, width, scratch);
        }
      }
    }
    for (let i = 0; i < count; i++) {
      const row = mine + ((<usize>((j0 + i) * pitchK)) << 2);
      putRow(p.dk + row, rowOfSums(sumsK, i, width), D, 1.0, p.accumulate);
      putRow(p.dv + row, rowOfSums(sumsV, i, width), D, 1.0, p.accumulateV);
    }
  }
}

/** The first query that sees one of `count` keys, or M. */
function firstOfQueries(p: AttentionBackwardArguments, j: i32, count: i32): i32 {
  let from = p.M;
  for (const end = j + count; j < end; j++) {
    const start = load<i32>(p.queryRanges + ((<usize>j) << 3));
    if (start < endOfRange(p, j)) from = min(from, start);
  }
  return from;
}

/** The query after the last that sees one of them, or 0. */
function endOfQueries(p: AttentionBackwardArguments, j: i32, count: i32): i32 {
  let to = 0;
  for (const end = j + count; j < end; j++) {
    const stop = endOfRange(p, j);
    if (load<i32>(p.queryRanges + ((<usize>j) << 3)) < stop) to = max(to, stop);
  }
  return to;
}

/** The query after the last that sees a key. */
function endOfRange(p: AttentionBackwardArguments, j: i32): i32 {
  const range = p.queryRanges + ((<usize>j) << 3);
  const stop = load<i32>(range, 4);
  // Each query ends at least one key later than the one before: after as many queries as the window is wide none sees the key any more.
  if (p.window !== 0 && p.ranges === 1) return min(stop, load<i32>(range) + p.window);
  return stop;
}

/** Masks a key's scores with the queries from `m` on: only those in its range see it, up to the window after its own position. */
function maskQueries(
  p: AttentionBackwardArguments,
  scores: usize,
  panels: i32,
  m: i32,
  key: i32,
  h: i32,
  positions: usize,
): void {
  const range = p.queryRanges + ((<usize>key) << 3);
  const start = load<i32>(range);
  // The first query that sees a key is at its position.
  const own = load<i32>(p.rows + ((<usize>(start * p.H + h)) << 4), 8);
  const starts = i32x4.splat(start);
  const ends = i32x4.splat(load<i32>(range, 4));
  const first = i32x4.splat(0);
  const last = i32x4.splat(p.window === 0 ? i32.MAX_VALUE : own + p.window);
  let place = i32x4.add(i32x4.splat(m), FIRST_LANES);
  for (let quad = 0; quad < panels * 2; quad++) {
    const inRange = masked(v128.load(scores), place, starts, ends);
    v128.store(scores, masked(inRange, v128.load(positions + ((<usize>quad) << 4)), first, last));
    place = i32x4.add(place, i32x4.splat(4));
    scores += quad & 1 ? TILE_BYTES - 16 : 16;
  }
}
