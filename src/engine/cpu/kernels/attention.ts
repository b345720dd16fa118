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
// With `shared`, a query has two ranges: keyRanges [M, 4], those of a prefix that several rows share, then its own. A unit meets both in turn. Queries
// in queryRanges are then exactly those that see a key without a window, and rows has the position of a query in place of start.
//
// A unit is OWN rows of one head: queries, or keys in `attentionKeys`. They meet OTHERS rows of the other side at a time: these go to the thread's
// scratch memory in panels, and tiles.ts makes the products. `attentionDecode` is for few queries, a unit for each of a head: packing would take
// longer than the product there.
import { exp1, exp4, madd, max4, Read, sum4, Write } from './common';
import {
  endKey,
  FIRST_LANES,
  firstKey,
  masked,
  NO_TOP,
  OTHERS,
  putRow,
  rowOfSums,
  turnsOf,
} from './attention_rows';
import { multiply, pack, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';

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
  shared: i32;
  /** Queries of a unit at most; 0 for `attentionDecode`. */
  own: i32;
  scale: f32;
}

export function attention(p: AttentionArguments, first: i32, end: i32, scratch: usize): void {
  const blocks = (p.M + p.own - 1) / p.own;
  for (let unit = first; unit < end; unit++) {
    const h = unit / blocks;
    const start = (unit % blocks) * p.own;
    const stop = min(start + p.own, p.M);
    // For a backward pass, and with prefixes, all of them at once: the order of their sums stays as it was.
    if (p.lse || p.shared) attend(p, h, start, stop - start, scratch);
    else
      for (let m = start; m < stop;) {
        const next = endOfRun(p, m, stop);
        attend(p, h, m, next - m, scratch);
        m = next;
      }
  }
}

/** The end of the queries from `m` on whose keys begin at the same one: they are of one sequence, and need not meet the keys of another. */
function endOfRun(p: AttentionArguments, m: i32, stop: i32): i32 {
  const start = firstKey(p.keyRanges, m, 0);
  while (++m < stop && firstKey(p.keyRanges, m, 0) === start);
  return m;
}

/** The results of `count` queries of a head. */
function attend(p: AttentionArguments, h: i32, m0: i32, count: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const packedBytes = (<usize>(OTHERS * width * TILE_COLUMNS)) << 2;
  const keys = scratch + TILE_BYTES;
  const values = keys + packedBytes;
  const scores = values + packedBytes;
  const weights = scores + ((<usize>(p.own * OTHERS)) << 2);
  const tops = weights + ((<usize>(p.own * OTHERS)) << 2);
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

  for (let turn = 0; turn < turnsOf(p.shared); turn++) {
    let from = p.N;
    let to = 0;
    for (let i = 0; i < count; i++) {
      const start = firstKey(p.keyRanges, m0 + i, p.window, p.shared, turn);
      const stop = endKey(p.keyRanges, m0 + i, p.shared, turn);
      if (start < stop) {
        from = min(from, start);
        to = max(to, stop);
      }
    }
    to = min(to, p.N);

    for (let j = from; j < to; j += OTHERS) {
      const there = min(OTHERS, to - j);
      // The queries that see one of these keys, in whole tiles: those of a causal sequence before the keys do not, nor do those of other sequences.
      let low = 0;
      while (low < count && !sees(p, m0 + low, turn, j, j + there)) low++;
      if (low === count) continue;
      let high = count;
      while (!sees(p, m0 + high - 1, turn, j, j + there)) high--;
      low -= low % TILE_ROWS;
      high = min(count, high + TILE_ROWS - 1 - ((high - 1) % TILE_ROWS));
      const panels = (there + TILE_COLUMNS - 1) / TILE_COLUMNS;
      pack(p.k + head, pitchK, 1, j, panels, to, 0, D, p.scale, keys);
      pack(p.v + head, pitchK, 0, 0, width, D, j, there, 1.0, values);
      multiply(q, pitch, 0, p.M, m0 + low, m0 + high, D, keys, panels, scores, false, scratch);
      for (let i = low; i < high; i++) {
        const start = firstKey(p.keyRanges, m0 + i, p.window, p.shared, turn);
        const stop = endKey(p.keyRanges, m0 + i, p.shared, turn);
        softmaxRow(
          rowOfSums(scores, i - low, panels),
          weights + ((<usize>(i * OTHERS)) << 2),
          panels,
          j,
          start,
          stop,
          tops + ((<usize>i) << 2),
          totals + ((<usize>i) << 2),
          rowOfSums(sums, i, width),
          width,
        );
      }
      const after = rowOfSums(sums, low, width);
      multiply(weights, OTHERS, 0, count, low, high, there, values, width, after, true, scratch);
    }
  }

  for (let i = 0; i < count; i++) {
    const total = load<f32>(totals + ((<usize>i) << 2));
    const share: f32 = total > 0.0 || total !== total ? 1.0 / total : 0.0;
    const o = p.o + ((<usize>((m0 + i) * pitch + h * D)) << 2);
    putRow(o, rowOfSums(sums, i, width), D, share, 0);
    if (p.lse) {
      const top = load<f32>(tops + ((<usize>i) << 2));
      const lse = total === 0.0 ? <f32>0.0 : <f32>(<f64>top + Math.log(<f64>total));
      store<f32>(p.lse + ((<usize>((m0 + i) * p.H + h)) << 2), lse);
    }
  }
}

/** Whether query m sees one of the keys from `j` on, before `end`. */
function sees(p: AttentionArguments, m: i32, turn: i32, j: i32, end: i32): bool {
  return (
    endKey(p.keyRanges, m, p.shared, turn) > j && firstKey(p.keyRanges, m, p.window, p.shared, turn) < end
  );
}

/** Continues the softmax of a row: weights of these keys, with the earlier sums rescaled to the new maximum. */
function softmaxRow(
  scores: usize,
  weights: usize,
  panels: i32,
  j: i32,
  start: i32,
  end: i32,
  topAt: usize,
  totalAt: usize,
  sums: usize,
  width: i32,
): void {
  const starts = i32x4.splat(start);
  const ends = i32x4.splat(end);
  let place = i32x4.add(i32x4.splat(j), FIRST_LANES);
  const four = i32x4.splat(4);
  const top = load<f32>(topAt);
  let most = f32x4.splat(top);
  let s = scores;
  for (let g = 0; g < panels; g++, s += TILE_BYTES) {
    const x0 = masked(v128.load(s), place, starts, ends);
    place = i32x4.add(place, four);
    const x1 = masked(v128.load(s, 16), place, starts, ends);
    place = i32x4.add(place, four);
    v128.store(s, x0);
    v128.store(s, x1, 16);
    most = f32x4.pmax(most, f32x4.pmax(x0, x1));
  }
  const higher = max4(most);
  const h = f32x4.splat(higher);
  let sum = f32x4.splat(0.0);
  s = scores;
  let w = weights;
  for (let g = 0; g < panels; g++, s += TILE_BYTES, w += 32) {
    const e0 = exp4(f32x4.sub(v128.load(s), h));
    const e1 = exp4(f32x4.sub(v128.load(s, 16), h));
    v128.store(w, e0);
    v128.store(w, e1, 16);
    sum = f32x4.add(sum, f32x4.add(e0, e1));
  }
  if (higher === top) {
    store<f32>(totalAt, load<f32>(totalAt) + sum4(sum));
    return;
  }
  const fade = exp1(top - higher);
  store<f32>(topAt, higher);
  store<f32>(totalAt, load<f32>(totalAt) * fade + sum4(sum));
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
    for (let j = start; j < stop; j += OTHERS) {
      const there = min(OTHERS, stop - j);
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
