// Attention for GPUs: the mathematics, the tensors and the entry points of attention.wgsl, over tiles in shared memory.
//
// A workgroup of 8 × 8 threads has 32 queries of a head (or 32 keys of a key head) and meets 32 of the other side at a time, 32 of the
// D numbers of a row at a time (13 KB of shared memory at any D). Thread (y, x) has the scores of queries y, y + 8, y + 16, y + 24 and
// keys x, x + 8, x + 16, x + 24, as one 4 × 4 matrix, and of the sums four rows by four numbers of each part of 32. Strided by 8, so that neighbours
// read neighbouring words.

// quads: D / 4.
// first: the workgroup with which this dispatch starts, if one dispatch would take too long.
struct Params { M: u32, N: u32, H: u32, KV: u32, quads: u32, window: u32, scale: f32, first: u32 }

// ⌈D / 32⌉, known when the pipeline is compiled so that the sums are registers.
override PARTS: u32 = 2;
override RANGES: u32 = 1;
override SAVE: bool = false;
override ACCUMULATE: bool = false;
override ACCUMULATE_K: bool = false;
override ACCUMULATE_V: bool = false;

alias Quad = vec4<Elem>;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<Quad>;
@group(0) @binding(2) var<storage, read> k: array<Quad>;
@group(0) @binding(3) var<storage, read> v: array<Quad>;
@group(0) @binding(4) var<storage, read> keyRanges: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> o: array<Quad>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

@group(0) @binding(7) var<storage, read> dO: array<Quad>;
@group(0) @binding(8) var<storage, read> rows: array<vec4u>;
@group(0) @binding(9) var<storage, read> queryRanges: array<vec2u>;
@group(0) @binding(10) var<storage, read_write> dq: array<Quad>;
@group(0) @binding(11) var<storage, read_write> dk: array<Quad>;
@group(0) @binding(12) var<storage, read_write> dv: array<Quad>;

const ROWS = 32u;
const QUADS = 8u;
const THREADS = 64u;
const MAX_PARTS = 8u;
const LOG2_E = 1.4426950408889634;
// A masked score, and the maximum of no scores: exp2 of their difference is 0, never NaN.
const MASKED = -1e30;
const NO_TOP = -1e29;

// Tiles of the workgroup's own rows and of the other side's. By quad for products of rows (padded against bank conflicts), by row for sums.
const STRIDE = ROWS + 1u;
var<workgroup> near: array<vec4f, STRIDE * QUADS>;
var<workgroup> far: array<vec4f, STRIDE * QUADS>;
var<workgroup> weights: array<mat4x4f, THREADS>;
var<workgroup> tops: array<vec4f, THREADS>;

fn byQuad(i: u32) -> u32 { return i % QUADS * STRIDE + i / QUADS; }
fn near4(quad: u32, y: u32) -> mat4x4f {
  let i = quad * STRIDE + y;
  return mat4x4f(near[i], near[i + 8u], near[i + 16u], near[i + 24u]);
}
fn far4(quad: u32, x: u32) -> mat4x4f {
  let i = quad * STRIDE + x;
  return mat4x4f(far[i], far[i + 8u], far[i + 16u], far[i + 24u]);
}
fn farRows4(row: u32, quad: u32) -> mat4x4f {
  let i = row * QUADS + quad;
  return mat4x4f(far[i], far[i + 8u * QUADS], far[i + 16u * QUADS], far[i + 24u * QUADS]);
}

// Numbers 4 · quad … of a row, zero outside.
fn queryQuad(m: u32, h: u32, quad: u32) -> vec4f {
  if (m >= params.M || quad >= params.quads) { return vec4f(); }
  return vec4f(q[(m * params.H + h) * params.quads + quad]);
}
fn gradientQuad(m: u32, h: u32, quad: u32) -> vec4f {
  if (m >= params.M || quad >= params.quads) { return vec4f(); }
  return vec4f(dO[(m * params.H + h) * params.quads + quad]);
}
fn keyQuad(j: u32, head: u32, quad: u32) -> vec4f {
  if (j >= params.N || quad >= params.quads) { return vec4f(); }
  return vec4f(k[(j * params.KV + head) * params.quads + quad]);
}
fn valueQuad(j: u32, head: u32, quad: u32) -> vec4f {
  if (j >= params.N || quad >= params.quads) { return vec4f(); }
  return vec4f(v[(j * params.KV + head) * params.quads + quad]);
}

// Column i times f[i].
fn scaled(a: mat4x4f, f: vec4f) -> mat4x4f { return mat4x4f(a[0] * f.x, a[1] * f.y, a[2] * f.z, a[3] * f.w); }
fn product(a: mat4x4f, b: mat4x4f) -> mat4x4f { return mat4x4f(a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]); }
// exp2 of column i less f[i].
fn powers(a: mat4x4f, f: vec4f) -> mat4x4f { return mat4x4f(exp2(a[0] - f.x), exp2(a[1] - f.y), exp2(a[2] - f.z), exp2(a[3] - f.w)); }
// The largest entry of each column.
fn highest(a: mat4x4f) -> vec4f {
  let t = transpose(a);
  return max(max(t[0], t[1]), max(t[2], t[3]));
}

// Entry r of column c if start[c] ≤ key[r] < end[c]: columns are queries.
fn seenKeys(s: mat4x4f, key: vec4u, start: vec4u, end: vec4u) -> mat4x4f {
  let none = vec4f(MASKED);
  return mat4x4f(
    select(none, s[0], (key >= start.xxxx) & (key < end.xxxx)), select(none, s[1], (key >= start.yyyy) & (key < end.yyyy)),
    select(none, s[2], (key >= start.zzzz) & (key < end.zzzz)), select(none, s[3], (key >= start.wwww) & (key < end.wwww)));
}

// Entry r of column c if start[r] ≤ key[c] < end[r]: columns are keys.
fn seeingQueries(s: mat4x4f, key: vec4u, start: vec4u, end: vec4u) -> mat4x4f {
  let none = vec4f(MASKED);
  return mat4x4f(
    select(none, s[0], (key.xxxx >= start) & (key.xxxx < end)), select(none, s[1], (key.yyyy >= start) & (key.yyyy < end)),
    select(none, s[2], (key.zzzz >= start) & (key.zzzz < end)), select(none, s[3], (key.wwww >= start) & (key.wwww < end)));
}

// The keys of a query in a turn, with the window applied; start ≥ end if there are none or no such query.
fn keysOf(m: u32, turn: u32) -> vec2u {
  if (m >= params.M) { return vec2u(); }
  let range = keyRanges[m * RANGES + turn];
  if (params.window == 0u) { return range; }
  // The keys of later turns come after these, which get what they leave of the window.
  var room = params.window;
  for (var later = turn + 1u; later < RANGES; later++) {
    let keys = keyRanges[m * RANGES + later];
    room -= min(room, keys.y - keys.x);
  }
  return vec2u(max(range.x, max(range.y, room) - room), range.y);
}

// The same of four queries: their starts, and their ends.
fn keysOf4(m: vec4u, turn: u32) -> array<vec4u, 2> {
  let ranges = array<vec2u, 4>(keysOf(m.x, turn), keysOf(m.y, turn), keysOf(m.z, turn), keysOf(m.w, turn));
  return array<vec4u, 2>(
    vec4u(ranges[0].x, ranges[1].x, ranges[2].x, ranges[3].x), vec4u(ranges[0].y, ranges[1].y, ranges[2].y, ranges[3].y));
}

// The queries that can see a key, with the window applied: each of them ends a key later than the one before at least, so that after as
// many as the window is wide none sees it any more.
fn queriesOf(j: u32) -> vec2u {
  let range = queryRanges[j];
  if (params.window == 0u || RANGES > 1u) { return range; }
  return vec2u(range.x, min(range.y, range.x + params.window));
}

// With shared prefixes: scores of four queries (rows) from `at` on, at these positions, with four keys (columns). The first query that sees a key
// is at its position.
fn seenByRange(s: mat4x4f, at: vec4u, positions: vec4u, keys: vec4u, h: u32) -> mat4x4f {
  let last = vec4u(params.N - 1u);
  let j = min(keys, last);
  let ranges = array<vec2u, 4>(queryRanges[j.x], queryRanges[j.y], queryRanges[j.z], queryRanges[j.w]);
  let start = vec4u(ranges[0].x, ranges[1].x, ranges[2].x, ranges[3].x);
  let seen = seenKeys(s, at, start, vec4u(ranges[0].y, ranges[1].y, ranges[2].y, ranges[3].y));
  if (params.window == 0u) { return seen; }
  let own = vec4u(rows[start.x * params.H + h].z, rows[start.y * params.H + h].z, rows[start.z * params.H + h].z, rows[start.w * params.H + h].z);
  return seenKeys(seen, positions, vec4u(), own + params.window);
}

// The union of the keys of the 32 queries from m.
fn keysOfAll(m: u32, turn: u32) -> vec2u {
  var all = vec2u(params.N, 0u);
  for (var i = 0u; i < ROWS; i++) {
    let range = keysOf(m + i, turn);
    if (range.x < range.y) { all = vec2u(min(all.x, range.x), max(all.y, range.y)); }
  }
  return vec2u(all.x, min(all.y, params.N));
}

// Bits of lse, bits of delta, start, end of four queries; without keys if there is no such query.
fn rows4(m: vec4u, h: u32) -> array<vec4u, 4> {
  let at = min(m, vec4u(params.M - 1u)) * params.H + h;
  let all = array<vec4u, 4>(rows[at.x], rows[at.y], rows[at.z], rows[at.w]);
  let end = select(vec4u(), vec4u(all[0].w, all[1].w, all[2].w, all[3].w), m < vec4u(params.M));
  return array<vec4u, 4>(
    vec4u(all[0].x, all[1].x, all[2].x, all[3].x), vec4u(all[0].y, all[1].y, all[2].y, all[3].y),
    vec4u(all[0].z, all[1].z, all[2].z, all[3].z), end);
}

fn strided(first: u32) -> vec4u { return vec4u(first, first + 8u, first + 16u, first + 24u); }

// Σ of a vector over the 8 threads of a row; all threads of the workgroup call it.
fn rowTotal(thread: u32, y: u32, part: vec4f) -> vec4f {
  tops[thread] = part;
  workgroupBarrier();
  var sum = vec4f();
  for (var i = 0u; i < 8u; i++) { sum += tops[y * 8u + i]; }
  return sum;
}

@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let h = group.y;
  let head = h * params.KV / params.H;
  let y = thread / 8u;
  let x = thread % 8u;
  let first = (group.x + params.first) * ROWS;
  let m = strided(first + y);

  var sum: array<mat4x4f, MAX_PARTS>;
  var top = vec4f(NO_TOP);
  var total = vec4f();
  for (var turn = 0u; turn < RANGES; turn++) {
    let all = keysOfAll(first, turn);
    let ranges = keysOf4(m, turn);
    for (var j = all.x; j < all.y; j += ROWS) {
      var s = mat4x4f();
      for (var part = 0u; part < PARTS; part++) {
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) {
          near[byQuad(i)] = queryQuad(first + i / QUADS, h, part * QUADS + i % QUADS);
          far[byQuad(i)] = keyQuad(j + i / QUADS, head, part * QUADS + i % QUADS);
        }
        workgroupBarrier();
        for (var c = 0u; c < QUADS; c++) { s += transpose(far4(c, x)) * near4(c, y); }
      }
      s = seenKeys(s * (params.scale * LOG2_E), strided(j + x), ranges[0], ranges[1]);
      tops[thread] = highest(s);
      workgroupBarrier();
      var higher = top;
      for (var i = 0u; i < 8u; i++) { higher = max(higher, tops[y * 8u + i]); }
      let fade = exp2(top - higher);
      top = higher;
      s = powers(s, higher);
      total = total * fade + vec4f(1) * s;
      weights[thread] = s;
      for (var part = 0u; part < PARTS; part++) {
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) { far[i] = valueQuad(j + i / QUADS, head, part * QUADS + i % QUADS); }
        workgroupBarrier();
        var a = scaled(sum[part], fade);
        for (var i = 0u; i < 8u; i++) { a += farRows4(i, x) * weights[y * 8u + i]; }
        sum[part] = a;
      }
    }
  }

  total = rowTotal(thread, y, total);
  let share = select(1 / total, vec4f(), total == vec4f());
  for (var i = 0u; i < 4u; i++) {
    if (m[i] >= params.M) { continue; }
    for (var part = 0u; part < PARTS; part++) {
      let quad = part * QUADS + x;
      if (quad < params.quads) { o[(m[i] * params.H + h) * params.quads + quad] = Quad(sum[part][i] * share[i]); }
    }
    if (SAVE && x == 0u) { lse[m[i] * params.H + h] = select(top[i] + log2(total[i]), 0, total[i] == 0); }
  }
}

@compute @workgroup_size(THREADS)
fn queries(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let h = group.y;
  let head = h * params.KV / params.H;
  let y = thread / 8u;
  let x = thread % 8u;
  let first = (group.x + params.first) * ROWS;
  let m = strided(first + y);
  var row4 = rows4(m, h);
  let logSum = bitcast<vec4f>(row4[0]);
  let mean = bitcast<vec4f>(row4[1]);

  var sum: array<mat4x4f, MAX_PARTS>;
  for (var turn = 0u; turn < RANGES; turn++) {
    let all = keysOfAll(first, turn);
    if (RANGES > 1u) {
      let ranges = keysOf4(m, turn);
      row4[2] = ranges[0];
      row4[3] = ranges[1];
    }
    for (var j = all.x; j < all.y; j += ROWS) {
      var s = mat4x4f();
      var dp = mat4x4f();
      for (var part = 0u; part < PARTS; part++) {
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) {
          near[byQuad(i)] = queryQuad(first + i / QUADS, h, part * QUADS + i % QUADS);
          far[byQuad(i)] = keyQuad(j + i / QUADS, head, part * QUADS + i % QUADS);
        }
        workgroupBarrier();
        for (var c = 0u; c < QUADS; c++) { s += transpose(far4(c, x)) * near4(c, y); }
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) {
          near[byQuad(i)] = gradientQuad(first + i / QUADS, h, part * QUADS + i % QUADS);
          far[byQuad(i)] = valueQuad(j + i / QUADS, head, part * QUADS + i % QUADS);
        }
        workgroupBarrier();
        for (var c = 0u; c < QUADS; c++) { dp += transpose(far4(c, x)) * near4(c, y); }
      }
      let p = powers(seenKeys(s * (params.scale * LOG2_E), strided(j + x), row4[2], row4[3]), logSum);
      weights[thread] = product(p, mat4x4f(dp[0] - mean.x, dp[1] - mean.y, dp[2] - mean.z, dp[3] - mean.w)) * params.scale;
      for (var part = 0u; part < PARTS; part++) {
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) { far[i] = keyQuad(j + i / QUADS, head, part * QUADS + i % QUADS); }
        workgroupBarrier();
        var a = sum[part];
        for (var i = 0u; i < 8u; i++) { a += farRows4(i, x) * weights[y * 8u + i]; }
        sum[part] = a;
      }
    }
  }

  for (var i = 0u; i < 4u; i++) {
    if (m[i] >= params.M) { continue; }
    for (var part = 0u; part < PARTS; part++) {
      let quad = part * QUADS + x;
      if (quad >= params.quads) { continue; }
      let place = (m[i] * params.H + h) * params.quads + quad;
      var d = sum[part][i];
      if (ACCUMULATE) { d += vec4f(dq[place]); }
      dq[place] = Quad(d);
    }
  }
}

@compute @workgroup_size(THREADS)
fn keys(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = group.y;
  let y = thread / 8u;
  let x = thread % 8u;
  let first = (group.x + params.first) * ROWS;
  let j = strided(first + y);
  var all = vec2u(params.M, 0u);
  for (var i = 0u; i < ROWS; i++) {
    let range = queriesOf(min(first + i, params.N - 1u));
    if (range.x < range.y) { all = vec2u(min(all.x, range.x), max(all.y, range.y)); }
  }
  all.y = min(all.y, params.M);

  var sumK: array<mat4x4f, MAX_PARTS>;
  var sumV: array<mat4x4f, MAX_PARTS>;
  let heads = params.H / params.KV;
  for (var h = head * heads; h < (head + 1u) * heads; h++) {
    for (var begin = all.x; begin < all.y; begin += ROWS) {
      var s = mat4x4f();
      var dp = mat4x4f();
      for (var part = 0u; part < PARTS; part++) {
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) {
          near[byQuad(i)] = keyQuad(first + i / QUADS, head, part * QUADS + i % QUADS);
          far[byQuad(i)] = queryQuad(begin + i / QUADS, h, part * QUADS + i % QUADS);
        }
        workgroupBarrier();
        for (var c = 0u; c < QUADS; c++) { s += transpose(far4(c, x)) * near4(c, y); }
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) {
          near[byQuad(i)] = valueQuad(first + i / QUADS, head, part * QUADS + i % QUADS);
          far[byQuad(i)] = gradientQuad(begin + i / QUADS, h, part * QUADS + i % QUADS);
        }
        workgroupBarrier();
        for (var c = 0u; c < QUADS; c++) { dp += transpose(far4(c, x)) * near4(c, y); }
      }
      let row4 = rows4(strided(begin + x), h);
      let logSum = bitcast<vec4f>(row4[0]);
      let mean = bitcast<vec4f>(row4[1]);
      s *= params.scale * LOG2_E;
      if (RANGES > 1u) { s = seenByRange(s, strided(begin + x), row4[2], j, h); } else { s = seeingQueries(s, j, row4[2], row4[3]); }
      let p = mat4x4f(exp2(s[0] - logSum), exp2(s[1] - logSum), exp2(s[2] - logSum), exp2(s[3] - logSum));
      weights[thread] = p;
      for (var part = 0u; part < PARTS; part++) {
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) { far[i] = gradientQuad(begin + i / QUADS, h, part * QUADS + i % QUADS); }
        workgroupBarrier();
        var a = sumV[part];
        for (var i = 0u; i < 8u; i++) { a += farRows4(i, x) * weights[y * 8u + i]; }
        sumV[part] = a;
      }
      workgroupBarrier();
      weights[thread] = product(p, mat4x4f(dp[0] - mean, dp[1] - mean, dp[2] - mean, dp[3] - mean)) * params.scale;
      for (var part = 0u; part < PARTS; part++) {
        workgroupBarrier();
        for (var i = thread; i < ROWS * QUADS; i += THREADS) { far[i] = queryQuad(begin + i / QUADS, h, part * QUADS + i % QUADS); }
        workgroupBarrier();
        var a = sumK[part];
        for (var i = 0u; i < 8u; i++) { a += farRows4(i, x) * weights[y * 8u + i]; }
        sumK[part] = a;
      }
    }
  }

  for (var i = 0u; i < 4u; i++) {
    if (j[i] >= params.N) { continue; }
    for (var part = 0u; part < PARTS; part++) {
      let quad = part * QUADS + x;
      if (quad >= params.quads) { continue; }
      let place = (j[i] * params.KV + head) * params.quads + quad;
      var a = sumK[part][i];
      var b = sumV[part][i];
      if (ACCUMULATE_K) { a += vec4f(dk[place]); }
      if (ACCUMULATE_V) { b += vec4f(dv[place]); }
      dk[place] = Quad(a);
      dv[place] = Quad(b);
    }
  }
}
