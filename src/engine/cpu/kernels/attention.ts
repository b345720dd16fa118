// Scaled dot-product attention (Vaswani et al., 2017) with an online softmax (Milakov and Gimelshein, 2018).
//
//   forward   s[m,j] = scale · q[m]·k[j]        p[m,j] = exp(s[m,j] − lse[m])        o[m] = Σ_j p[m,j] · v[j]
//   prepare   delta[m] = do[m]·o[m]
//   queries   ds[m,j] = p[m,j] · (do[m]·v[j] − delta[m])                             dq[m] (+)= scale · Σ_j ds[m,j] · k[j]
//   keys      dv[j] (+)= Σ_m p[m,j] · do[m]                                          dk[j] (+)= scale · Σ_m ds[m,j] · q[m]
//
// for each of H heads. Query m sees key j if start ≤ j < end and end − j ≤ window (0: no window), with [start, end) = keyRanges[m]. A query
// without keys gets zeros. The backward pass computes s and p again (Dao et al., 2022, "FlashAttention").
//
// q, o, do, dq: [M, H·D]. k, v, dk, dv: [N, KV·D]; head h reads key head ⌊h · KV / H⌋. keyRanges: [M, 2]. queryRanges: [N, 2], the queries that can
// see a key at most. lse: [M, H], 0 for a query without keys. rows: [M, H, 4], what the backward pass needs of a query: bits of lse, bits of delta,
// start and end with the window applied. All f32.
//
// With more than one of `ranges`, a query has so many: keyRanges [M, 2·ranges], in the order of its sequence, of tokens that several rows share and of
// its own. A unit meets them in turn. Queries in queryRanges are then exactly those that see a key without a window, and rows has the position of a
// query in place of start.
//
// A unit of `attention` is `own` queries of one head, and those of one sequence after another. Their keys and values go to the thread's scratch memory in
// panels, as many as there is room for. Each six queries then meet all of them before the next six: their scores, weights and sums stay in the first
// cache. tiles.ts makes the products. `attentionDecode` is for few queries, a unit for each of a head: packing would take longer than the product
// there. The units of the backward pass are in attention_backward.ts.
import { exp1, madd, max4, Read, sum4, Write } from './common';
import {
  addRows,
  endKey,
  expRow,
  firstKey,
  MASKED,
  NO_TOP,
  othersAtOnce,
  putRow,
  rowOfSums,
  staysNear,
} from './attention_rows';
import { pack } from './panels';
import { FRESH_BYTES, multiply, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';

@unmanaged
class AttentionArguments {
  q: Read;
  k: Read;
  v: Read;
  keyRanges: Read;
  o: Write;
  lse: Write;
  M: i32;
  N: i32;
  H: i32;
  KV: i32;
  D: i32;
  window: i32;
  ranges: i32;
  /** Queries of a unit at most; 0 for `attentionDecode`. */
  own: i32;
  scale: f32;
}

/** Keys that `attentionDecode` meets at a time. */
const KEYS_AT_ONCE: i32 = 64;

export function attention(p: AttentionArguments, first: i32, end: i32, scratch: usize): void {
  const blocks = (p.M + p.own - 1) / p.own;
  for (let unit = first; unit < end; unit++) {
    const h = unit % p.H;
    // The last queries of a causal sequence, which see the most keys, come first: then the threads end at about the same time.
    const start = (blocks - 1 - unit / p.H) * p.own;
    const stop = min(start + p.own, p.M);
    for (let m = start; m < stop;) {
      const next = endOfRun(p, m, stop);
      attend(p, h, m, next - m, scratch);
      m = next;
    }
  }
}

/**
 * The end of the queries from `m` on that need not meet the keys of another sequence: their keys begin at the same ones. With several ranges it is
 * where the keys lie elsewhere: branches of a tree that follow each other pack what they share once.
 */
function endOfRun(p: AttentionArguments, m: i32, stop: i32): i32 {
  if (p.ranges > 1) {
    while (++m < stop && staysNear(p.keyRanges, m, p.ranges));
    return m;
  }
  const start = firstKey(p.keyRanges, m, 0);
  while (++m < stop && firstKey(p.keyRanges, m, 0) === start);
  return m;
}

/** The results of `count` queries of a head. */
function attend(p: AttentionArguments, h: i32, m0: i32, count: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const most = othersAtOnce(width, 2, 2, 0);
  const packedBytes = (<usize>(most * width * TILE_COLUMNS)) << 2;
  const keys = scratch + FRESH_BYTES;
  const values = keys + packedBytes;
  const scores = values + packedBytes;
  const weights = scores + ((<usize>(most * TILE_ROWS)) << 2);
  const tops = weights + ((<usize>(most * TILE_ROWS)) << 2);
  const totals = tops + ((<usize>p.own) << 2);
  const sums = totals + ((<usize>p.own) << 2);
  const pitch = p.H * D;
  const pitchK = p.KV * D;
  const q = p.q + ((<usize>(h * D)) << 2);
  const head = (<usize>(((h * p.KV) / p.H) * D)) << 2;
  for (let i = 0; i < count; i++) {
    store<f32>(tops + ((<usize>i) << 2), NO_TOP);
    store<f32>(totals + ((<usize>i) << 2), 0.0);
  }
  const tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
  memory.fill(sums, 0, <usize>(tiles * width) * TILE_BYTES);

  for (let turn = 0; turn < p.ranges; turn++) {
    const to = min(endOfKeys(p, m0, count, turn), p.N);
    for (let j = firstOfKeys(p, m0, count, turn); j < to; j += most) {
      const there = min(most, to - j);
      const panels = (there + TILE_COLUMNS - 1) / TILE_COLUMNS;
      pack(p.k + head, pitchK, 1, j, panels, to, 0, D, p.scale, keys);
      pack(p.v + head, pitchK, 0, 0, width, D, j, there, 1.0, values);
      for (let i = 0; i < count; i += TILE_ROWS) {
        const rows = min(TILE_ROWS, count - i);
        const stop = min(endOfKeys(p, m0 + i, rows, turn), j + there);
        // Whole panels.
        const skipped = (max(firstOfKeys(p, m0 + i, rows, turn) - j, 0) / TILE_COLUMNS) * TILE_COLUMNS;
        const start = j + skipped;
        if (start >= stop) continue;
        const met = (stop - start + TILE_COLUMNS - 1) / TILE_COLUMNS;
        const near = keys + ((<usize>(skipped * D)) << 2);
        multiply(q, pitch, 0, m0 + count, m0 + i, m0 + i + rows, D, near, met, scores, false, scratch);
        for (let row = 0; row < rows; row++) {
          const m = m0 + i + row;
          const s = scores + ((<usize>row) << 5);
          mask(s, start, start, firstKey(p.keyRanges, m, p.window, p.ranges, turn));
          mask(s, start, endKey(p.keyRanges, m, p.ranges, turn), start + met * TILE_COLUMNS);
          const at = (<usize>(i + row)) << 2;
          softmaxRow(
            s,
            weights + ((<usize>(row * most)) << 2),
            met,
            tops + at,
            totals + at,
            rowOfSums(sums, i + row, width),
            width,
          );
        }
        addRows(
          weights,
          (<usize>most) << 2,
          rows,
          stop - start,
          values + ((<usize>skipped) << 5),
          (<usize>there) << 5,
          rowOfSums(sums, i, width),
          width,
          scratch,
        );
      }
    }
  }

  for (let i = 0; i < count; i++) {
    const top = load<f32>(tops + ((<usize>i) << 2));
    const total = load<f32>(totals + ((<usize>i) << 2));
    const blind = top === NO_TOP && total === total;
    const share: f32 = blind ? 0.0 : 1.0 / total;
    const o = p.o + ((<usize>((m0 + i) * pitch + h * D)) << 2);
    putRow(o, rowOfSums(sums, i, width), D, share, 0);
    if (p.lse) {
      const lse = blind ? <f32>0.0 : <f32>(<f64>top + Math.log(<f64>total));
      store<f32>(p.lse + ((<usize>((m0 + i) * p.H + h)) << 2), lse);
    }
  }
}

/** The first key that one of some queries sees, or N. */
function firstOfKeys(p: AttentionArguments, m: i32, count: i32, turn: i32): i32 {
  let from = p.N;
  for (const end = m + count; m < end; m++) {
    const start = firstKey(p.keyRanges, m, p.window, p.ranges, turn);
    if (start < endKey(p.keyRanges, m, p.ranges, turn)) from = min(from, start);
  }
  return from;
}

/** The key after the last that one of some queries sees, or 0. */
function endOfKeys(p: AttentionArguments, m: i32, count: i32, turn: i32): i32 {
  let to = 0;
  for (const end = m + count; m < end; m++) {
    const stop = endKey(p.keyRanges, m, p.ranges, turn);
    if (firstKey(p.keyRanges, m, p.window, p.ranges, turn) < stop) to = max(to, stop);
  }
  return to;
}

/** Masks the scores of the keys from … to − 1 in a row that begins with the key `start`. */
function mask(s: usize, start: i32, from: i32, to: i32): void {
  for (let j = max(from, start) - start; j < to - start; j++)
    store<f32>(s + <usize>(j / TILE_COLUMNS) * TILE_BYTES + ((<usize>(j % TILE_COLUMNS)) << 2), MASKED);
}

/** Continues the softmax of a row: weights of these keys, with the earlier sums rescaled to the new maximum. */
function softmaxRow(
  scores: usize,
  weights: usize,
  panels: i32,
  topAt: usize,
  totalAt: usize,
  sums: usize,
  width: i32,
): void {
  const top = load<f32>(topAt);
  let most = f32x4.splat(top);
  let other = most;
  let s = scores;
  for (let g = 0; g < panels; g++, s += TILE_BYTES) {
    most = f32x4.pmax(most, v128.load(s));
    other = f32x4.pmax(other, v128.load(s, 16));
  }
  const higher = max4(f32x4.pmax(most, other));
  const sum = expRow(scores, higher, weights, panels);
  store<f32>(topAt, higher);
  // Nothing to rescale, or nothing but weights of masked keys.
  if (higher === top || top === NO_TOP) {
    store<f32>(totalAt, load<f32>(totalAt) + sum);
    return;
  }
  const fade = exp1(top - higher);
  store<f32>(totalAt, load<f32>(totalAt) * fade + sum);
  const f = f32x4.splat(fade);
  for (let g = 0; g < width; g++, sums += TILE_BYTES) {
    v128.store(sums, f32x4.mul(v128.load(sums), f));
    v128.store(sums, f32x4.mul(v128.load(sums, 16), f), 16);
  }
}

export function attentionDecode(p: AttentionArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const sums = scratch;
  const scores = scratch + ((<usize>D) << 2);
  const pitchK = (<usize>(p.KV * D)) << 2;
  for (let unit = first; unit < end; unit++) {
    const m = unit / p.H;
    const h = unit % p.H;
    const head = (<usize>(((h * p.KV) / p.H) * D)) << 2;
    const q = p.q + ((<usize>(unit * D)) << 2);
    const start = firstKey(p.keyRanges, m, p.window);
    const stop = min(endKey(p.keyRanges, m), p.N);
    memory.fill(sums, 0, (<usize>D) << 2);
    let top: f32 = NO_TOP;
    let total: f32 = 0.0;
    for (let j = start; j < stop; j += KEYS_AT_ONCE) {
      const there = min(KEYS_AT_ONCE, stop - j);
      let higher = top;
      let k = p.k + head + <usize>j * pitchK;
      for (let i = 0; i < there; i++, k += pitchK) {
        let dot = f32x4.splat(0.0);
        for (let d: usize = 0; d < (<usize>D) << 2; d += 16)
          dot = madd(v128.load(q + d), v128.load(k + d), dot);
        const score = sum4(dot) * p.scale;
        store<f32>(scores + ((<usize>i) << 2), score);
        higher = max(higher, score);
      }
      const fade = f32x4.splat(exp1(top - higher));
      for (let d: usize = 0; d < (<usize>D) << 2; d += 16)
        v128.store(sums + d, f32x4.mul(v128.load(sums + d), fade));
      total *= f32x4.extract_lane(fade, 0);
      top = higher;
      let v = p.v + head + <usize>j * pitchK;
      for (let i = 0; i < there; i++, v += pitchK) {
        const weight = exp1(load<f32>(scores + ((<usize>i) << 2)) - higher);
        total += weight;
        const w = f32x4.splat(weight);
        for (let d: usize = 0; d < (<usize>D) << 2; d += 16)
          v128.store(sums + d, madd(v128.load(v + d), w, v128.load(sums + d)));
      }
    }
    const share = f32x4.splat(total > 0.0 || total !== total ? 1.0 / total : 0.0);
    const o = p.o + ((<usize>(unit * D)) << 2);
    for (let d: usize = 0; d < (<usize>D) << 2; d += 16)
      v128.store(o + d, f32x4.mul(v128.load(sums + d), share));
  }
}
