// Scaled dot-product attention (Vaswani et al., 2017) with an online softmax (Milakov and Gimelshein, 2018).
//
//   forward   s[m,j] = scale · q[m]·k[j]        p[m,j] = exp(s[m,j] − lse[m])        o[m] = Σ_j p[m,j] · v[j]
//   prepare   delta[m] = do[m]·o[m]
//   queries   ds[m,j] = p[m,j] · (do[m]·v[j] − delta[m])                             dq[m] (+)= scale · Σ_j ds[m,j] · k[j]
//   keys      dv[j] (+)= Σ_m p[m,j] · do[m]                                          dk[j] (+)= scale · Σ_m ds[m,j] · q[m]
//
// for each of H heads. Query m sees key j if start ≤ j < end and end − j ≤ window (0: no window), with [start, end) = keyRanges[m]. A query
// without keys gets zeros. The reverse computes s and p again (Dao et al., 2022, "FlashAttention").
//
// q, o, do, dq: [M, H·D]. k, v, dk, dv: [N, KV·D]; head h reads key head ⌊h · KV / H⌋. keyRanges: [M, 2]. queryRanges: [N, 2], the
// queries that can see a key at most. lse: [M, H], in powers of two, 0 for a query without keys. Sums are f32.
// rows: [M, H], what the reverse needs of a query: bits of lse, bits of delta, start and end with the window applied.
// One tensor, since a stage has eight storage buffers at least and not always more.
//
// This is the family for software adapters: neither shared memory nor barriers. One thread has 4 queries of a head (or 4 keys of a
// key head) and meets 4 or 8 of the other side at a time, so that 4 × 4 matrices do all the work; the lanes of a workgroup walk together, so
// that they read the other side at one address. attention_tile.wgsl has the same mathematics for GPUs.

// quads: D / 4. Data, not an override: lavapipe unrolls loops of a known length, and compiles some for minutes.
struct Params { M: u32, N: u32, H: u32, KV: u32, quads: u32, window: u32, scale: f32 }

override LANES: u32 = 8;
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
// A score that is not there, and the maximum of none: exp2 of their difference is 0, never NaN.
const MASKED = -1e30;
const NO_TOP = -1e29;

fn queries4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(q[at.x]), vec4f(q[at.y]), vec4f(q[at.z]), vec4f(q[at.w])); }
fn keys4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(k[at.x]), vec4f(k[at.y]), vec4f(k[at.z]), vec4f(k[at.w])); }
fn values4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(v[at.x]), vec4f(v[at.y]), vec4f(v[at.z]), vec4f(v[at.w])); }
fn gradients4(at: vec4u) -> mat4x4f { return mat4x4f(vec4f(dO[at.x]), vec4f(dO[at.y]), vec4f(dO[at.z]), vec4f(dO[at.w])); }

// Four rows of a result; columns are rows. The last thread's may not all be there.
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

// The keys of a query with the window applied; start ≥ end if there are none or no such query.
fn keysOf(m: u32) -> vec2u {
  if (m >= params.M) { return vec2u(); }
  let range = keyRanges[m];
  if (params.window == 0u) { return range; }
  return vec2u(max(range.x, max(range.y, params.window) - params.window), range.y);
}

// The queries that can see a key, with the window applied: each of them ends a key later than the one before at least, so that after as
// many as the window is wide none sees it any more.
fn queriesOf(j: u32) -> vec2u {
  let range = queryRanges[j];
  if (params.window == 0u) { return range; }
  return vec2u(range.x, min(range.y, range.x + params.window));
}

// The union of the keys of `count` queries.
fn keysOfAll(m: u32, count: u32) -> vec2u {
  var all = vec2u(params.N, 0u);
  for (var i = 0u; i < count; i++) {
    let range = keysOf(m + i);
    if (range.x < range.y) { all = vec2u(min(all.x, range.x), max(all.y, range.y)); }
  }
  return vec2u(all.x, min(all.y, params.N));
}

// Bits of lse, bits of delta, start, end of four queries; without keys where there is no such query.
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
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.y;
  let m = columns4((group.x * LANES + lane) * 4u);
  let mine = min(m, vec4u(params.M - 1u)) * params.H * params.quads + h * params.quads;
  let head = h * params.KV / params.H * params.quads;
  let all = keysOfAll(group.x * LANES * 4u, LANES * 4u);
  let ranges = array<vec2u, 4>(keysOf(m.x), keysOf(m.y), keysOf(m.z), keysOf(m.w));
  let start = vec4u(ranges[0].x, ranges[1].x, ranges[2].x, ranges[3].x);
  let end = vec4u(ranges[0].y, ranges[1].y, ranges[2].y, ranges[3].y);
  let factor = params.scale * LOG2_E;

  let there = m < vec4u(params.M);
  for (var c = 0u; c < params.quads; c++) { store4o(mine + c, there, mat4x4f()); }
  var top = vec4f(NO_TOP);
  var total = vec4f();
  for (var j = all.x; j < all.y; j += 8u) {
    let keyA = columns4(j);
    let keyB = columns4(j + 4u);
    let atA = min(keyA, vec4u(all.y - 1u)) * params.KV * params.quads + head;
    let atB = min(keyB, vec4u(all.y - 1u)) * params.KV * params.quads + head;
    var a = mat4x4f();
    var b = mat4x4f();
    for (var c = 0u; c < params.quads; c++) {
      let x = queries4(mine + c);
      a += transpose(keys4(atA + c)) * x;
      b += transpose(keys4(atB + c)) * x;
    }
    a = seenKeys(a * factor, keyA, start, end);
    b = seenKeys(b * factor, keyB, start, end);
    let higher = max(top, max(highest(a), highest(b)));
    let fade = exp2(top - higher);
    top = higher;
    a = powers(a, higher);
    b = powers(b, higher);
    total = total * fade + vec4f(1) * (a + b);
    for (var c = 0u; c < params.quads; c++) {
      store4o(mine + c, there, scaled(load4o(mine + c), fade) + values4(atA + c) * a + values4(atB + c) * b);
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
  prepared[i] = vec4u(bitcast<u32>(saved[i]), bitcast<u32>(delta), keysOf(i / params.H));
}

@compute @workgroup_size(LANES)
fn queries(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.y;
  let m = columns4((group.x * LANES + lane) * 4u);
  let mine = min(m, vec4u(params.M - 1u)) * params.H * params.quads + h * params.quads;
  let head = h * params.KV / params.H * params.quads;
  let all = keysOfAll(group.x * LANES * 4u, LANES * 4u);
  let row4 = rows4(m, h);
  let logSum = bitcast<vec4f>(row4[0]);
  let mean = bitcast<vec4f>(row4[1]);

  let there = m < vec4u(params.M);
  if (!ACCUMULATE) {
    for (var c = 0u; c < params.quads; c++) { store4dq(mine + c, there, mat4x4f()); }
  }
  for (var j = all.x; j < all.y; j += 4u) {
    let key = columns4(j);
    let theirs = min(key, vec4u(all.y - 1u)) * params.KV * params.quads + head;
    var s = mat4x4f();
    var dp = mat4x4f();
    for (var c = 0u; c < params.quads; c++) {
      s += transpose(keys4(theirs + c)) * queries4(mine + c);
      dp += transpose(values4(theirs + c)) * gradients4(mine + c);
    }
    let p = powers(seenKeys(s * (params.scale * LOG2_E), key, row4[2], row4[3]), logSum);
    let less = mat4x4f(dp[0] - mean.x, dp[1] - mean.y, dp[2] - mean.z, dp[3] - mean.w);
    let ds = product(p, less) * params.scale;
    for (var c = 0u; c < params.quads; c++) { store4dq(mine + c, there, load4dq(mine + c) + keys4(theirs + c) * ds); }
  }
}

@compute @workgroup_size(LANES)
fn keys(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.y;
  let j = columns4((group.x * LANES + lane) * 4u);
  let mine = min(j, vec4u(params.N - 1u)) * params.KV * params.quads + head * params.quads;
  var all = vec2u(params.M, 0u);
  for (var i = 0u; i < LANES * 4u; i++) {
    let range = queriesOf(min(group.x * LANES * 4u + i, params.N - 1u));
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
    for (var m = all.x; m < all.y; m += 4u) {
      let theirs = min(columns4(m), vec4u(all.y - 1u)) * params.H * params.quads + h * params.quads;
      let row4 = rows4(columns4(m), h);
      let logSum = bitcast<vec4f>(row4[0]);
      let mean = bitcast<vec4f>(row4[1]);
      var s = mat4x4f();
      var dp = mat4x4f();
      for (var c = 0u; c < params.quads; c++) {
        s += transpose(queries4(theirs + c)) * keys4(mine + c);
        dp += transpose(gradients4(theirs + c)) * values4(mine + c);
      }
      s = seeingQueries(s * (params.scale * LOG2_E), j, row4[2], row4[3]);
      let p = mat4x4f(exp2(s[0] - logSum), exp2(s[1] - logSum), exp2(s[2] - logSum), exp2(s[3] - logSum));
      let ds = product(p, mat4x4f(dp[0] - mean, dp[1] - mean, dp[2] - mean, dp[3] - mean)) * params.scale;
      for (var c = 0u; c < params.quads; c++) {
        store4dv(mine + c, there, load4dv(mine + c) + gradients4(theirs + c) * p);
        store4dk(mine + c, there, load4dk(mine + c) + queries4(theirs + c) * ds);
      }
    }
  }
}
