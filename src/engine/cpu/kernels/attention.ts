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
// A unit is OWN rows of one head: queries, or keys in `attentionKeys`. They meet OTHERS rows of the other side at a time: these go to the thread's
// scratch memory in panels, and tiles.ts makes the products. `attentionDecode` is for few queries, a unit for each of a head: packing would take
// longer than the product there.
import { exp1, exp4, madd, max4, Read, sum4, Write } from './common';
import { multiply, pack, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from './tiles';

@unmanaged
class AttentionArguments {
  q: Read;
  k: Read;
  v: Read;
  keyRanges: Read;
  queryRanges: Read;
  o: Write;
  lse: Write;
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
  scale: f32;
  accumulate: i32;
  accumulateV: i32;
}

/** Rows of a unit: OWN_ROWS in ../lower/attention.ts. */
const OWN: i32 = 48;
/** Rows of the other side that it meets at a time. */
const OTHERS: i32 = 64;
/** Bytes of OWN × OTHERS numbers. */
const SQUARE_BYTES: usize = (<usize>(OWN * OTHERS)) << 2;

// A masked score, and the maximum of no scores: exp of their difference is 0, never NaN.
const MASKED: f32 = -1e30;
const NO_TOP: f32 = -1e29;

/** The address of row r in the sums of tiles; panels are TILE_BYTES apart. */
function rowOfSums(sums: usize, r: i32, panels: i32): usize {
  const tile = r / TILE_ROWS;
  return sums + <usize>(tile * panels) * TILE_BYTES + ((<usize>(r - tile * TILE_ROWS)) << 5);
}

/** The first key of a query, with the window applied. */
function firstKey(p: AttentionArguments, m: i32): i32 {
  const range = p.keyRanges + ((<usize>m) << 3);
  const start = load<i32>(range);
  return p.window === 0 ? start : max(start, load<i32>(range, 4) - p.window);
}

function endKey(p: AttentionArguments, m: i32): i32 {
  return load<i32>(p.keyRanges + ((<usize>m) << 3), 4);
}

/** Lanes of `x` whose place is in [start, end), MASKED in the others. */
function masked(x: v128, place: v128, start: v128, end: v128): v128 {
  const inside = v128.and(i32x4.ge_s(place, start), i32x4.lt_s(place, end));
  return v128.bitselect(x, f32x4.splat(MASKED), inside);
}

const FIRST_LANES = i32x4(0, 1, 2, 3);

export function attention(p: AttentionArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const packedBytes = (<usize>(OTHERS * width * TILE_COLUMNS)) << 2;
  const keys = scratch + TILE_BYTES;
  const values = keys + packedBytes;
  const scores = values + packedBytes;
  const weights = scores + SQUARE_BYTES;
  const tops = weights + SQUARE_BYTES;
  const totals = tops + ((<usize>OWN) << 2);
  const sums = totals + ((<usize>OWN) << 2);
  const pitch = p.H * D;
  const pitchK = p.KV * D;
  const blocks = (p.M + OWN - 1) / OWN;

  for (let unit = first; unit < end; unit++) {
    const h = unit / blocks;
    const m0 = (unit % blocks) * OWN;
    const count = min(OWN, p.M - m0);
    const q = p.q + ((<usize>(h * D)) << 2);
    const head = (<usize>(((h * p.KV) / p.H) * D)) << 2;
    let from = p.N;
    let to = 0;
    for (let i = 0; i < count; i++) {
      const start = firstKey(p, m0 + i);
      const stop = endKey(p, m0 + i);
      if (start < stop) {
        from = min(from, start);
        to = max(to, stop);
      }
      store<f32>(tops + ((<usize>i) << 2), NO_TOP);
      store<f32>(totals + ((<usize>i) << 2), 0.0);
    }
    to = min(to, p.N);
    const tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
    memory.fill(sums, 0, <usize>(tiles * width) * TILE_BYTES);

    for (let j = from; j < to; j += OTHERS) {
      const there = min(OTHERS, to - j);
      const panels = (there + TILE_COLUMNS - 1) / TILE_COLUMNS;
      pack(p.k + head, pitchK, 1, j, panels, to, 0, D, p.scale, keys);
      pack(p.v + head, pitchK, 0, 0, width, D, j, there, 1.0, values);
      multiply(q, pitch, 0, p.M, m0, m0 + count, D, keys, panels, scores, false, scratch);
      for (let i = 0; i < count; i++) {
        const start = firstKey(p, m0 + i);
        const stop = endKey(p, m0 + i);
        softmaxRow(
          rowOfSums(scores, i, panels),
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
      multiply(weights, OTHERS, 0, count, 0, count, there, values, width, sums, true, scratch);
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
    most = f32x4.max(most, f32x4.max(x0, x1));
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

/** A row of D numbers from its sums: D is a multiple of four. */
function putRow(to: usize, sums: usize, D: i32, factor: f32, accumulate: i32): void {
  const f = f32x4.splat(factor);
  for (let d = 0; d < D; d += 4) {
    const from = sums + <usize>(d / TILE_COLUMNS) * TILE_BYTES + ((<usize>(d & 4)) << 2);
    const at = to + ((<usize>d) << 2);
    let x = f32x4.mul(v128.load(from), f);
    if (accumulate) x = f32x4.add(x, v128.load(at));
    v128.store(at, x);
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
    const start = firstKey(p, m);
    const stop = min(endKey(p, m), p.N);
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

/** A unit is one query of one head. */
export function attentionPrepare(p: AttentionArguments, first: i32, end: i32, _scratch: usize): void {
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
    store<i32>(row, firstKey(p, m), 8);
    store<i32>(row, endKey(p, m), 12);
  }
}

export function attentionQueries(p: AttentionArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const packedBytes = (<usize>(OTHERS * width * TILE_COLUMNS)) << 2;
  const keys = scratch + TILE_BYTES;
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
    let from = p.N;
    let to = 0;
    for (let i = 0; i < count; i++) {
      const row = p.rows + ((<usize>((m0 + i) * p.H + h)) << 4);
      const start = load<i32>(row, 8);
      const stop = load<i32>(row, 12);
      if (start < stop) {
        from = min(from, start);
        to = max(to, stop);
      }
    }
    to = min(to, p.N);
    const tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
    memory.fill(sums, 0, <usize>(tiles * width) * TILE_BYTES);

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
        const starts = i32x4.splat(load<i32>(row, 8));
        const ends = i32x4.splat(load<i32>(row, 12));
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

export function attentionKeys(p: AttentionArguments, first: i32, end: i32, scratch: usize): void {
  const D = p.D;
  const width = (D + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const packedBytes = (<usize>(OTHERS * width * TILE_COLUMNS)) << 2;
  const queries = scratch + TILE_BYTES;
  const gradients = queries + packedBytes;
  const scores = gradients + packedBytes;
  const products = scores + SQUARE_BYTES;
  const weights = products + SQUARE_BYTES;
  const slopes = weights + SQUARE_BYTES;
  const sumsK = slopes + SQUARE_BYTES;
  const sumsV = sumsK + ((<usize>(OWN * width * TILE_COLUMNS)) << 2);
  // lse, delta, start and end of every query of a block, four in a vector.
  const facts = sumsV + ((<usize>(OWN * width * TILE_COLUMNS)) << 2);
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
      if (p.window !== 0) stop = min(stop, start + p.window);
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
          store<i32>(to, load<i32>(row, 8), 32);
          store<i32>(to, i < there ? load<i32>(row, 12) : 0, 48);
        }
        for (let i = 0; i < count; i++) {
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
