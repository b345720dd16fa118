// Scaled dot-product attention (Vaswani et al., 2017) with an online softmax (Milakov and Gimelshein, 2018).
//
//   forward   s[m,j] = scale · q[m]·k[j]        p[m,j] = exp(s[m,j] − lse[m])        o[m] = Σ_j p[m,j] · v[j]
//   prepare   delta[m] = do[m]·o[m]
//   queries   ds[m,j] = p[m,j] · (do[m]·v[j] − delta[m])                             dq[m] (+)= scale · Σ_j ds[m,j] · k[j]
//   keys      dv[j] (+)= Σ_m p[m,j] · do[m]                                          dk[j] (+)= scale · Σ_m ds[m,j] · q[m]
//
// for each of H heads. Query m sees key j if start ≤ j < end and end − j ≤ window (0: no window), with [start, end) = keyRanges[m]. A query
// without keys gets zeros. The backward computes s and p again (Dao et al., 2022, "FlashAttention").
//
// q, o, do, dq: [M, H·D]. k, v, dk, dv: [N, KV·D]; head h reads key head ⌊h · KV / H⌋. keyRanges: [M, 2]. queryRanges: [N, 2], the
// queries that can see a key at most. lse: [M, H], in powers of two, 0 for a query without keys. Sums are f32.
// rows: [M, H], what the backward needs of a query: bits of lse, bits of delta, start and end with the window applied. One tensor, since a stage is
// only guaranteed eight storage buffers.
//
// With more than one of RANGES, a query has so many ranges of keys: keyRanges [M, RANGES, 2], in the order of its sequence, of tokens that several rows
// share and of its own. A workgroup meets them in turn. queryRanges are then exactly the queries that see a key without a window, and rows has the
// position of a query in place of start.
//
// This is the family for software adapters: neither shared memory nor barriers. One thread has 4 queries of a head (or 4 keys of a
// key head) and meets STEP of the other side at a time, so that 4 × 4 matrices do all the work. Loads take most of the time (see
// matmul_register.wgsl): the more of the other side a thread meets at once, the less often it loads its own side and its sums. The lanes of a
// workgroup walk together. With QUADS, each of the four lanes of a quad loads a row of the other side and shares it by `together`, which is in
// matmul_quad.wgsl or matmul_alone.wgsl. attention_tile.wgsl has the same mathematics for GPUs.

// quads: D / 4. Data, not an override: lavapipe unrolls loops of a known length, and compiles some for minutes.
// first: the workgroup with which this dispatch starts, if one dispatch would take too long.
struct Params { M: u32, N: u32, H: u32, KV: u32, quads: u32, window: u32, scale: f32, first: u32 }

override LANES: u32 = 8;
override QUADS: bool = false;
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
@group(0) @binding(5) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

@group(0) @binding(7) var<storage, read> saved: array<f32>;
@group(0) @binding(8) var<storage, read> result: array<Quad>;
@group(0) @binding(9) var<storage, read> dO: array<Quad>;
@group(0) @binding(10) var<storage, read_write> prepared: array<vec4u>;

@group(0) @binding(11) var<storage, read> rows: array<vec4u>;
@group(0) @binding(12) var<storage, read> queryRanges: array<vec2u>;
@group(0) @binding(13) var<storage, read_write> dq: array<vec4f>;
@group(0) @binding(14) var<storage, read_write> dk: array<vec4f>;
@group(0) @binding(15) var<storage, read_write> dv: array<vec4f>;

const LOG2_E = 1.4426950408889634;
// A masked score, and the maximum of no scores: exp2 of their difference is 0, never NaN.
const MASKED = -1e30;
const NO_TOP = -1e29;

// Index of this invocation in its quad.
var<private> lane: u32;

fn queries4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(q[at.x]), vec4f(q[at.y]), vec4f(q[at.z]), vec4f(q[at.w])); }
fn keys4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(k[at.x]), vec4f(k[at.y]), vec4f(k[at.z]), vec4f(k[at.w])); }
fn values4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(v[at.x]), vec4f(v[at.y]), vec4f(v[at.z]), vec4f(v[at.w])); }
fn gradients4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(dO[at.x]), vec4f(dO[at.y]), vec4f(dO[at.z]), vec4f(dO[at.w])); }

// Rows of the other side that a thread meets at a time, and their blocks of four.
const STEP = 16u;
// In a loop, zeros must be written: Dawn does not reset a variable without an initialiser at each iteration.
alias Blocks = array<mat4x4f, 4>;
alias Places = array<vec4u, 4>;

// The offsets of the rows of each block, from row `first` on; the last row stands in for those beyond the end. In a quad, only this lane's row of
// each.
fn theirPlaces(first: u32, last: u32, pitch: u32, base: u32) -> Places {
  return Places(
    theirPlace(first, last, pitch, base), theirPlace(first + 4u, last, pitch, base),
    theirPlace(first + 8u, last, pitch, base), theirPlace(first + 12u, last, pitch, base));
}
fn theirPlace(first: u32, last: u32, pitch: u32, base: u32) -> vec4u {
  if (QUADS) { return vec4u(min(first + lane, last) * pitch + base); }
  return min(columns4(first), vec4u(last)) * pitch + base;
}

// The same for all lanes: rows of the other side.
fn theirQueries(at: vec4u) -> mat4x4f {
  if (QUADS) { return together(vec4f(q[at.x])); }
  return queries4(at);
}
fn theirKeys(at: vec4u) -> mat4x4f {
  if (QUADS) { return together(vec4f(k[at.x])); }
  return keys4(at);
}
fn theirValues(at: vec4u) -> mat4x4f {
  if (QUADS) { return together(vec4f(v[at.x])); }
  return values4(at);
}
fn theirGradients(at: vec4u) -> mat4x4f {
  if (QUADS) { return together(vec4f(dO[at.x])); }
  return gradients4(at);
}

// Four rows of a result; columns are rows. The last thread may have fewer.
fn load4o(at: vec4u) -> mat4x4f { return mat4x4f(o[at.x], o[at.y], o[at.z], o[at.w]); }
fn store4o(at: vec4u, there: vec4<bool>, a: mat4x4f) {
  if (there.x) { o[at.x] = a[0]; }
  if (there.y) { o[at.y] = a[1]; }
  if (there.z) { o[at.z] = a[2]; }
  if (there.w) { o[at.w] = a[3]; }
}
fn load4dq(at: vec4u) -> mat4x4f { return mat4x4f(dq[at.x], dq[at.y], dq[at.z], dq[at.w]); }
fn store4dq(at: vec4u, there: vec4<bool>, a: mat4x4f) {
  if (there.x) { dq[at.x] = a[0]; }
  if (there.y) { dq[at.y] = a[1]; }
  if (there.z) { dq[at.z] = a[2]; }
  if (there.w) { dq[at.w] = a[3]; }
}
fn load4dk(at: vec4u) -> mat4x4f { return mat4x4f(dk[at.x], dk[at.y], dk[at.z], dk[at.w]); }
fn store4dk(at: vec4u, there: vec4<bool>, a: mat4x4f) {
  if (there.x) { dk[at.x] = a[0]; }
  if (there.y) { dk[at.y] = a[1]; }
  if (there.z) { dk[at.z] = a[2]; }
  if (there.w) { dk[at.w] = a[3]; }
}
fn load4dv(at: vec4u) -> mat4x4f { return mat4x4f(dv[at.x], dv[at.y], dv[at.z], dv[at.w]); }
fn store4dv(at: vec4u, there: vec4<bool>, a: mat4x4f) {
  if (there.x) { dv[at.x] = a[0]; }
  if (there.y) { dv[at.y] = a[1]; }
  if (there.z) { dv[at.z] = a[2]; }
  if (there.w) { dv[at.w] = a[3]; }
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

// The union of the keys of `count` queries.
fn keysOfAll(m: u32, count: u32, turn: u32) -> vec2u {
  var all = vec2u(params.N, 0u);
  for (var i = 0u; i < count; i++) {
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

fn columns4(a: u32) -> vec4u { return vec4u(a, a + 1u, a + 2u, a + 3u); }

@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  lane = thread & 3u;
  let h = group.y;
  let m = columns4(((group.x + params.first) * LANES + thread) * 4u);
  let mine = min(m, vec4u(params.M - 1u)) * params.H * params.quads + h * params.quads;
  let head = h * params.KV / params.H * params.quads;
  let factor = params.scale * LOG2_E;

  let there = m < vec4u(params.M);
  for (var c = 0u; c < params.quads; c++) { store4o(mine + c, there, mat4x4f()); }
  var top = vec4f(NO_TOP);
  var total = vec4f();
  for (var turn = 0u; turn < RANGES; turn++) {
    let all = keysOfAll((group.x + params.first) * LANES * 4u, LANES * 4u, turn);
    let ranges = keysOf4(m, turn);
    for (var j = all.x; j < all.y; j += STEP) {
      let theirs = theirPlaces(j, all.y - 1u, params.KV * params.quads, head);
      var s = Blocks();
      for (var c = 0u; c < params.quads; c++) {
        let x = queries4(mine + c);
        s[0] += transpose(theirKeys(theirs[0] + c)) * x;
        s[1] += transpose(theirKeys(theirs[1] + c)) * x;
        s[2] += transpose(theirKeys(theirs[2] + c)) * x;
        s[3] += transpose(theirKeys(theirs[3] + c)) * x;
      }
      s[0] = seenKeys(s[0] * factor, columns4(j), ranges[0], ranges[1]);
      s[1] = seenKeys(s[1] * factor, columns4(j + 4u), ranges[0], ranges[1]);
      s[2] = seenKeys(s[2] * factor, columns4(j + 8u), ranges[0], ranges[1]);
      s[3] = seenKeys(s[3] * factor, columns4(j + 12u), ranges[0], ranges[1]);
      let higher = max(top, max(max(highest(s[0]), highest(s[1])), max(highest(s[2]), highest(s[3]))));
      let fade = exp2(top - higher);
      top = higher;
      s[0] = powers(s[0], higher);
      s[1] = powers(s[1], higher);
      s[2] = powers(s[2], higher);
      s[3] = powers(s[3], higher);
      total = total * fade + vec4f(1) * ((s[0] + s[1]) + (s[2] + s[3]));
      for (var c = 0u; c < params.quads; c++) {
        store4o(mine + c, there, scaled(load4o(mine + c), fade)
          + theirValues(theirs[0] + c) * s[0] + theirValues(theirs[1] + c) * s[1]
          + theirValues(theirs[2] + c) * s[2] + theirValues(theirs[3] + c) * s[3]);
      }
    }
  }

  let share = select(1 / total, vec4f(), total == vec4f());
  for (var c = 0u; c < params.quads; c++) { store4o(mine + c, there, scaled(load4o(mine + c), share)); }
  if (!SAVE) { return; }
  for (var i = 0u; i < 4u; i++) {
    if (there[i]) { lse[m[i] * params.H + h] = select(top[i] + log2(total[i]), 0, total[i] == 0); }
  }
}

@compute @workgroup_size(64)
fn prepare(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.M * params.H) { return; }
  var delta = 0.0;
  for (var c = 0u; c < params.quads; c++) { delta += dot(vec4f(result[i * params.quads + c]), vec4f(dO[i * params.quads + c])); }
  let m = i / params.H;
  var place = keysOf(m, 0u);
  if (RANGES > 1u) {
    var seen = 0u;
    for (var turn = 0u; turn < RANGES; turn++) {
      let keys = keyRanges[m * RANGES + turn];
      seen += keys.y - keys.x;
    }
    place = vec2u(seen - 1u, 0u);
  }
  prepared[i] = vec4u(bitcast<u32>(saved[i]), bitcast<u32>(delta), place);
}

// ds of 4 × 4 queries (columns) and keys, from s and dp.
fn slopesOfQueries(s: mat4x4f, dp: mat4x4f, key: vec4u, row4: array<vec4u, 4>) -> mat4x4f {
  let p = powers(seenKeys(s * (params.scale * LOG2_E), key, row4[2], row4[3]), bitcast<vec4f>(row4[0]));
  let mean = bitcast<vec4f>(row4[1]);
  return product(p, mat4x4f(dp[0] - mean.x, dp[1] - mean.y, dp[2] - mean.z, dp[3] - mean.w)) * params.scale;
}

@compute @workgroup_size(LANES)
fn queries(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  lane = thread & 3u;
  let h = group.y;
  let m = columns4(((group.x + params.first) * LANES + thread) * 4u);
  let mine = min(m, vec4u(params.M - 1u)) * params.H * params.quads + h * params.quads;
  let head = h * params.KV / params.H * params.quads;
  var row4 = rows4(m, h);

  let there = m < vec4u(params.M);
  if (!ACCUMULATE) {
    for (var c = 0u; c < params.quads; c++) { store4dq(mine + c, there, mat4x4f()); }
  }
  for (var turn = 0u; turn < RANGES; turn++) {
    let all = keysOfAll((group.x + params.first) * LANES * 4u, LANES * 4u, turn);
    if (RANGES > 1u) {
      let ranges = keysOf4(m, turn);
      row4[2] = ranges[0];
      row4[3] = ranges[1];
    }
    for (var j = all.x; j < all.y; j += STEP) {
      let theirs = theirPlaces(j, all.y - 1u, params.KV * params.quads, head);
      var s = Blocks();
      var dp = Blocks();
      for (var c = 0u; c < params.quads; c++) {
        let x = queries4(mine + c);
        s[0] += transpose(theirKeys(theirs[0] + c)) * x;
        s[1] += transpose(theirKeys(theirs[1] + c)) * x;
        s[2] += transpose(theirKeys(theirs[2] + c)) * x;
        s[3] += transpose(theirKeys(theirs[3] + c)) * x;
        let y = gradients4(mine + c);
        dp[0] += transpose(theirValues(theirs[0] + c)) * y;
        dp[1] += transpose(theirValues(theirs[1] + c)) * y;
        dp[2] += transpose(theirValues(theirs[2] + c)) * y;
        dp[3] += transpose(theirValues(theirs[3] + c)) * y;
      }
      s[0] = slopesOfQueries(s[0], dp[0], columns4(j), row4);
      s[1] = slopesOfQueries(s[1], dp[1], columns4(j + 4u), row4);
      s[2] = slopesOfQueries(s[2], dp[2], columns4(j + 8u), row4);
      s[3] = slopesOfQueries(s[3], dp[3], columns4(j + 12u), row4);
      for (var c = 0u; c < params.quads; c++) {
        store4dq(mine + c, there, load4dq(mine + c)
          + theirKeys(theirs[0] + c) * s[0] + theirKeys(theirs[1] + c) * s[1]
          + theirKeys(theirs[2] + c) * s[2] + theirKeys(theirs[3] + c) * s[3]);
      }
    }
  }
}

struct Slopes { p: mat4x4f, ds: mat4x4f }

// p and ds of 4 × 4 keys (columns) and the queries from m on, from their s and dp.
fn slopesOfKeys(s: mat4x4f, dp: mat4x4f, key: vec4u, m: u32, h: u32) -> Slopes {
  let row4 = rows4(columns4(m), h);
  let logSum = bitcast<vec4f>(row4[0]);
  let mean = bitcast<vec4f>(row4[1]);
  let scores = s * (params.scale * LOG2_E);
  var seen: mat4x4f;
  if (RANGES > 1u) { seen = seenByRange(scores, columns4(m), row4[2], key, h); } else { seen = seeingQueries(scores, key, row4[2], row4[3]); }
  let p = mat4x4f(exp2(seen[0] - logSum), exp2(seen[1] - logSum), exp2(seen[2] - logSum), exp2(seen[3] - logSum));
  return Slopes(p, product(p, mat4x4f(dp[0] - mean, dp[1] - mean, dp[2] - mean, dp[3] - mean)) * params.scale);
}

@compute @workgroup_size(LANES)
fn keys(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  lane = thread & 3u;
  let head = group.y;
  let j = columns4(((group.x + params.first) * LANES + thread) * 4u);
  let mine = min(j, vec4u(params.N - 1u)) * params.KV * params.quads + head * params.quads;
  var all = vec2u(params.M, 0u);
  for (var i = 0u; i < LANES * 4u; i++) {
    let range = queriesOf(min((group.x + params.first) * LANES * 4u + i, params.N - 1u));
    if (range.x < range.y) { all = vec2u(min(all.x, range.x), max(all.y, range.y)); }
  }
  all.y = min(all.y, params.M);

  let there = j < vec4u(params.N);
  for (var c = 0u; c < params.quads; c++) {
    if (!ACCUMULATE_K) { store4dk(mine + c, there, mat4x4f()); }
    if (!ACCUMULATE_V) { store4dv(mine + c, there, mat4x4f()); }
  }
  let heads = params.H / params.KV;
  for (var h = head * heads; h < (head + 1u) * heads; h++) {
    for (var m = all.x; m < all.y; m += STEP) {
      let theirs = theirPlaces(m, all.y - 1u, params.H * params.quads, h * params.quads);
      var s = Blocks();
      var dp = Blocks();
      for (var c = 0u; c < params.quads; c++) {
        let x = keys4(mine + c);
        s[0] += transpose(theirQueries(theirs[0] + c)) * x;
        s[1] += transpose(theirQueries(theirs[1] + c)) * x;
        s[2] += transpose(theirQueries(theirs[2] + c)) * x;
        s[3] += transpose(theirQueries(theirs[3] + c)) * x;
        let y = values4(mine + c);
        dp[0] += transpose(theirGradients(theirs[0] + c)) * y;
        dp[1] += transpose(theirGradients(theirs[1] + c)) * y;
        dp[2] += transpose(theirGradients(theirs[2] + c)) * y;
        dp[3] += transpose(theirGradients(theirs[3] + c)) * y;
      }
      let slopes = array<Slopes, 4>(
        slopesOfKeys(s[0], dp[0], j, m, h), slopesOfKeys(s[1], dp[1], j, m + 4u, h),
        slopesOfKeys(s[2], dp[2], j, m + 8u, h), slopesOfKeys(s[3], dp[3], j, m + 12u, h));
      for (var c = 0u; c < params.quads; c++) {
        store4dv(mine + c, there, load4dv(mine + c)
          + theirGradients(theirs[0] + c) * slopes[0].p + theirGradients(theirs[1] + c) * slopes[1].p
          + theirGradients(theirs[2] + c) * slopes[2].p + theirGradients(theirs[3] + c) * slopes[3].p);
        store4dk(mine + c, there, load4dk(mine + c)
          + theirQueries(theirs[0] + c) * slopes[0].ds + theirQueries(theirs[1] + c) * slopes[1].ds
          + theirQueries(theirs[2] + c) * slopes[2].ds + theirQueries(theirs[3] + c) * slopes[3].ds);
      }
    }
  }
}
