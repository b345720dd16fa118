// The gradients of the matrices of experts: sums over the rows of each.
//
//   C[e, m, n] (+)= scale · Σ_s A[s, m] · B[s, n]       s = offsets[e] … offsets[e + 1] − 1
//
// A [P, M], B [P, N]. With keptA or keptB above zero, that side has a row for each token: row s is that of token rows[s] / kept. C has the matrices of
// some experts from `first` on. M and N are multiples of four. A workgroup has 16 × 64 results of one expert, a thread 4 × 4.

struct Params { M: u32, N: u32, keptA: u32, keptB: u32, first: u32, scale: f32 }

override ACCUMULATE: bool = false;
const TILE_ROWS = 16u;
const TILE_COLUMNS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<ElemA>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<ElemB>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<ElemC>>;
@group(0) @binding(4) var<storage, read> offsets: array<u32>;
@group(0) @binding(5) var<storage, read> rows: array<u32>;

fn rowOf(s: u32, kept: u32) -> u32 {
  if (kept == 0u) { return s; }
  return rows[s] / kept;
}

fn put(row: u32, n: u32, sum: vec4f) {
  let at = (row * params.N + n) >> 2u;
  var value = sum * params.scale;
  if (ACCUMULATE) { value += vec4f(c[at]); }
  c[at] = vec4<ElemC>(value);
}

@compute @workgroup_size(16, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let m = group.y * TILE_ROWS + thread.y * 4u;
  let n = group.x * TILE_COLUMNS + thread.x * 4u;
  if (m >= params.M || n >= params.N) { return; }
  let expert = group.z;
  let end = offsets[params.first + expert + 1u];
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var s = offsets[params.first + expert]; s < end; s++) {
    let x = vec4f(a[(rowOf(s, params.keptA) * params.M + m) >> 2u]);
    let y = vec4f(b[(rowOf(s, params.keptB) * params.N + n) >> 2u]);
    sum0 += x.x * y;
    sum1 += x.y * y;
    sum2 += x.z * y;
    sum3 += x.w * y;
  }
  let row = expert * params.M + m;
  put(row, n, sum0);
  put(row + 1u, n, sum1);
  put(row + 2u, n, sum2);
  put(row + 3u, n, sum3);
}
