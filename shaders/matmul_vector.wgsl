// Matrix times a few vectors, for decoding: at most four rows of A against a transposed B.
//
//   C[M,N] = scale · A·Bᵀ  + loraScale · Z·Lᵀ  + bias  + residual  (+ C)          M ≤ 4
//
// A [M,K], B [N,K], Z [M,R], L [N,R]; bias f32 [N]; residual as C, whose rows are pitchC apart. K and R are multiples of four. Sums are
// f32.
//
// Each weight is used M times only, so the time is that of reading B once. A workgroup takes four rows of B; sixteen threads share a
// row and read neighbouring vec4s, 256 bytes at a time. A thread keeps one sum for each row of A; the sixteen partial sums meet in
// shared memory and are added in a fixed order. Rows of A that do not exist repeat the last one: the loads are cached, and nothing is
// written for them. B is in weight_vectors.wgsl or weight_blocks.wgsl; of blocks, a thread takes eight numbers at a time and their scale once.

struct Params { M: u32, N: u32, K: u32, R: u32, pitchC: u32, scale: f32, loraScale: f32 }

override LOW_RANK: bool = false;
override BIAS: bool = false;
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;
// Numbers that a thread takes at a time: a multiple of four that divides K.
override STEP: u32 = 4;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<ElemA>>;
@group(0) @binding(3) var<storage, read_write> c: array<ElemC>;
@group(0) @binding(4) var<storage, read> z: array<vec4<ElemZ>>;
@group(0) @binding(5) var<storage, read> l: array<vec4<ElemL>>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read> residual: array<ElemC>;

const OUTPUTS = 4u;
const LANES = 16u;

var<workgroup> partial: array<vec4f, OUTPUTS * LANES>;

@compute @workgroup_size(OUTPUTS * LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let n0 = (group.y * groups.x + group.x) * OUTPUTS;
  let n = min(n0 + thread / LANES, params.N - 1u);
  let lane = thread % LANES;
  let last = params.M - 1u;
  let depth = params.K >> 2u;
  let row = n * params.K;
  var sums = vec4f();
  for (var first = lane * STEP; first < params.K; first += LANES * STEP) {
    let scale = scaleOfB(row + first, params.N * params.K);
    for (var i = 0u; i < STEP; i += 4u) {
      let w = valuesOfB(row + first + i, scale);
      let k = (first + i) >> 2u;
      sums += vec4f(
        dot(w, vec4f(a[k])),
        dot(w, vec4f(a[min(1u, last) * depth + k])),
        dot(w, vec4f(a[min(2u, last) * depth + k])),
        dot(w, vec4f(a[last * depth + k])),
      );
    }
  }
  sums *= params.scale;
  if (LOW_RANK) {
    let rank = params.R >> 2u;
    var low = vec4f();
    for (var r = lane; r < rank; r += LANES) {
      let w = vec4f(l[n * rank + r]);
      low += vec4f(
        dot(w, vec4f(z[r])),
        dot(w, vec4f(z[min(1u, last) * rank + r])),
        dot(w, vec4f(z[min(2u, last) * rank + r])),
        dot(w, vec4f(z[last * rank + r])),
      );
    }
    sums += low * params.loraScale;
  }
  partial[thread] = sums;
  workgroupBarrier();

  // Threads 0 … 15 finish one output each: four of N for each of four rows.
  let m = thread / OUTPUTS;
  let column = n0 + thread % OUTPUTS;
  if (m >= params.M || column >= params.N) { return; }
  var value = 0.0;
  for (var i = 0u; i < LANES; i++) { value += partial[(thread % OUTPUTS) * LANES + i][m]; }
  let index = m * params.pitchC + column;
  if (BIAS) { value += bias[column]; }
  if (RESIDUAL) { value += f32(residual[index]); }
  if (ACCUMULATE) { value += f32(c[index]); }
  c[index] = ElemC(value);
}
