// As expert_matmul.wgsl for NT, where most experts have no row and the others one or two, as in decoding. B is in weight_vectors.wgsl or weight_blocks.wgsl.
//
//   C[s, n] = scale · Σ_k A[s, k] · B[e, n, k]      (+ C)
//
// The time is that of reading B. A workgroup has one row s and OUTPUTS rows of the matrix of its expert; LANES threads share a row of B and read
// neighbouring vec4s. Their sums meet in shared memory and are added in a fixed order.

struct Params { N: u32, K: u32, kept: u32, first: u32, experts: u32, scale: f32 }

override ACCUMULATE: bool = false;
// Numbers of a row of B that a thread takes at a time: a multiple of four that divides K.
override STEP: u32 = 4;
const OUTPUTS = 4u;
const LANES = 16u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<ElemA>>;
@group(0) @binding(3) var<storage, read_write> c: array<ElemC>;
@group(0) @binding(4) var<storage, read> offsets: array<u32>;
@group(0) @binding(5) var<storage, read> rows: array<u32>;

var<workgroup> partial: array<f32, OUTPUTS * LANES>;

@compute @workgroup_size(OUTPUTS * LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let s = group.y;
  var expert = 0u;
  while (expert < params.experts && offsets[params.first + expert + 1u] <= s) { expert++; }
  // The row may be one of another shard.
  let inside = expert < params.experts && offsets[params.first] <= s;
  let n = group.x * OUTPUTS + thread / LANES;
  let lane = thread % LANES;
  var sum = 0.0;
  if (inside && n < params.N) {
    var row = s;
    if (params.kept > 0u) { row = rows[s] / params.kept; }
    let a0 = row * params.K;
    let b0 = (expert * params.N + n) * params.K;
    let size = params.experts * params.N * params.K;
    for (var first = lane * STEP; first < params.K; first += LANES * STEP) {
      let scale = scaleOfB(b0 + first, size);
      for (var k = first; k < first + STEP; k += 4u) {
        sum += dot(valuesOfB(b0 + k, scale), vec4f(a[(a0 + k) >> 2u]));
      }
    }
  }
  partial[thread] = sum;
  workgroupBarrier();
  if (thread >= OUTPUTS) { return; }
  let column = group.x * OUTPUTS + thread;
  if (!inside || column >= params.N) { return; }
  var value = 0.0;
  for (var i = 0u; i < LANES; i++) { value += partial[thread * LANES + i]; }
  value *= params.scale;
  let at = s * params.N + column;
  if (ACCUMULATE) { value += f32(c[at]); }
  c[at] = ElemC(value);
}
