// The backward pass of attention, in three kernels: `attentionPrepare`, `attentionQueries` and `attentionKeys`. attention.ts has the maths, the shapes and
// the units.
import { exp4, madd, Read, sum4, Write } from './common';
import {
  endKey,
  FIRST_LANES,
  firstKey,
  keysSeen,
  masked,
  OTHERS,
  OWN,
  putRow,
  rowOfSums,
  SQUARE_BYTES,
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

export function attentionQueries(p: AttentionBackwardArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const packedBytes = (<usize>(OTHERS * width * TILE_COLUMNS)) << 2;
  const keys = scratch + FRESH_BYTES;
  const values = keys + packedBytes;
  const again = values + packedBytes;
  const scores = again + packedBytes;
  const products = scores + SQUARE_BYTES;
  const slopes = products + SQUARE_BYTES;
  const sums = slopes + SQUARE_BYTES;
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
      let from = p.N;
      let to = 0;
      for (let i = 0; i < count; i++) {
        const start = firstSeen(p, m0 + i, h, turn);
        const stop = endSeen(p, m0 + i, h, turn);
        if (start < stop) {
          from = min(from, start);
          to = max(to, stop);
        }
      }
      to = min(to, p.N);

      for (let j = from; j < to; j += OTHERS) {
        const there = min(OTHERS, to - j);
        const panels = (there + TILE_COLUMNS - 1) / TILE_COLUMNS;
        pack(p.k + head, pitchK, 1, j, panels, to, 0, D, p.scale, keys);
        pack(p.v + head, pitchK, 1, j, panels, to, 0, D, 1.0, values);
        pack(p.k + head, pitchK, 0, 0, width, D, j, there, p.scale, again);
        multiply(p.q + mine, pitch, 0, p.M, m0, m0 + count, D, keys, panels, scores, false, scratch);
        multiply(p.dO + mine, pitch, 0, p.M, m0, m0 + count, D, values, panels, products, false, scratch);
        for (let i = 0; i < count; i++) {
          const row = p.rows + ((<usize>((m0 + i) * p.H + h)) << 4);
          const lse = f32x4.splat(load<f32>(row));
          const delta = f32x4.splat(load<f32>(row, 4));
          const starts = i32x4.splat(firstSeen(p, m0 + i, h, turn));
          const ends = i32x4.splat(endSeen(p, m0 + i, h, turn));
          let place = i32x4.add(i32x4.splat(j), FIRST_LANES);
          let s = rowOfSums(scores, i, panels);
          let d = rowOfSums(products, i, panels);
          let to = slopes + ((<usize>(i * OTHERS)) << 2);
          for (let quad = 0; quad < panels * 2; quad++) {
            const weight = exp4(f32x4.sub(masked(v128.load(s), place, starts, ends), lse));
            v128.store(to, f32x4.mul(weight, f32x4.sub(v128.load(d), delta)));
            place = i32x4.add(place, i32x4.splat(4));
            const step: usize = quad & 1 ? TILE_BYTES - 16 : 16;
            s += step;
            d += step;
            to += 16;
          }
        }
        multiply(slopes, OTHERS, 0, count, 0, count, there, again, width, sums, true, scratch);
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

export function attentionKeys(p: AttentionBackwardArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const packedBytes = (<usize>(OTHERS * width * TILE_COLUMNS)) << 2;
  const queries = scratch + FRESH_BYTES;
  const gradients = queries + packedBytes;
  const scores = gradients + packedBytes;
  const products = scores + SQUARE_BYTES;
  const weights = products + SQUARE_BYTES;
  const slopes = weights + SQUARE_BYTES;
  const sumsK = slopes + SQUARE_BYTES;
  const sumsV = sumsK + ((<usize>(OWN * width * TILE_COLUMNS)) << 2);
  // lse, delta, start and end of every query of a block, four in a vector.
  const facts = sumsV + ((<usize>(OWN * width * TILE_COLUMNS)) << 2);
  // With shared prefixes the position of each of them.
  const positions = facts + ((<usize>OTHERS) << 4);
  const pitch = p.H * D;
  const pitchK = p.KV * D;
  const blocks = (p.N + OWN - 1) / OWN;
  const heads = p.H / p.KV;

  for (let unit = first; unit < end; unit++) {
    const head = unit / blocks;
    const j0 = (unit % blocks) * OWN;
    const count = min(OWN, p.N - j0);
    const mine = (<usize>(head * D)) << 2;
    let from = p.M;
    let to = 0;
    for (let i = 0; i < count; i++) {
      const range = p.queryRanges + ((<usize>(j0 + i)) << 3);
      const start = load<i32>(range);
      let stop = load<i32>(range, 4);
      // Each query ends at least one key later than the one before: after as many queries as the window is wide none sees the key any more.
      if (p.window !== 0 && p.ranges === 1) stop = min(stop, start + p.window);
      if (start < stop) {
        from = min(from, start);
        to = max(to, stop);
      }
    }
    to = min(to, p.M);
    const tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
    memory.fill(sumsK, 0, <usize>(tiles * width) * TILE_BYTES);
    memory.fill(sumsV, 0, <usize>(tiles * width) * TILE_BYTES);

    for (let h = head * heads; h < (head + 1) * heads; h++) {
      const theirs = (<usize>(h * D)) << 2;
      for (let m = from; m < to; m += OTHERS) {
        const there = min(OTHERS, to - m);
        const panels = (there + TILE_COLUMNS - 1) / TILE_COLUMNS;
        pack(p.q + theirs, pitch, 1, m, panels, to, 0, D, p.scale, queries);
        pack(p.dO + theirs, pitch, 1, m, panels, to, 0, D, 1.0, gradients);
        multiply(p.k + mine, pitchK, 0, p.N, j0, j0 + count, D, queries, panels, scores, false, scratch);
        multiply(p.v + mine, pitchK, 0, p.N, j0, j0 + count, D, gradients, panels, products, false, scratch);
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
        for (let i = 0; i < count; i++) {
          if (p.ranges > 1) maskQueries(p, rowOfSums(scores, i, panels), panels, m, j0 + i, h, positions);
          const key = i32x4.splat(j0 + i);
          let s = rowOfSums(scores, i, panels);
          let d = rowOfSums(products, i, panels);
          let at = (<usize>(i * OTHERS)) << 2;
          for (let quad = 0; quad < panels * 2; quad++) {
            const fact = facts + ((<usize>quad) << 6);
            const seen = masked(v128.load(s), key, v128.load(fact, 32), v128.load(fact, 48));
            const weight = exp4(f32x4.sub(seen, v128.load(fact)));
            v128.store(weights + at, weight);
            v128.store(slopes + at, f32x4.mul(weight, f32x4.sub(v128.load(d), v128.load(fact, 16))));
            const step: usize = quad & 1 ? TILE_BYTES - 16 : 16;
            s += step;
            d += step;
            at += 16;
          }
        }
        // The other side again, now with each row contiguous.
        pack(p.q + theirs, pitch, 0, 0, width, D, m, there, p.scale, queries);
        pack(p.dO + theirs, pitch, 0, 0, width, D, m, there, 1.0, gradients);
        multiply(slopes, OTHERS, 0, count, 0, count, there, queries, width, sumsK, true, scratch);
        multiply(weights, OTHERS, 0, count, 0, count, there, gradients, width, sumsV, true, scratch);
      }
    }
    for (let i = 0; i < count; i++) {
      const row = mine + ((<usize>((j0 + i) * pitchK)) << 2);
      putRow(p.dk + row, rowOfSums(sumsK, i, width), D, 1.0, p.accumulate);
      putRow(p.dv + row, rowOfSums(sumsV, i, width), D, 1.0, p.accumulateV);
    }
  }
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
