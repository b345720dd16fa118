// Matrices times a few vectors, for decoding: at most four rows of A against a transposed B. matmul_problems.wgsl says what the products are.
//
// Each weight is used M times only, so the time is that of reading B once. A workgroup takes OUTPUTS rows of B; LANES threads share a
// row and read neighbouring vec4s, 16 · LANES bytes at a time. A thread keeps one sum for each row of A; the partial sums meet in
// shared memory and are added in a fixed order. Rows of A that do not exist repeat the last one: the loads are cached, and nothing is
// written for them. Of quantised blocks, a thread takes eight numbers at a time and their scale once.
//
// GATED: the two products, of the same N, are gate and up, and C = a(gate) · up. Half of a workgroup's rows of B are gate's, half are up's. activation_functions.wgsl has a.

// Numbers that a thread takes at a time: a multiple of four that divides K.
override STEP: u32 = 4;
override GATED: bool = false;
// Rows of B of a workgroup, an even number, and threads of each, at least four.
override OUTPUTS: u32 = 4;
override LANES: u32 = 16;

@group(0) @binding(3) var<storage, read_write> c: array<ElemC>;

var<workgroup> partial: array<vec4f, OUTPUTS * LANES>;

// The sum of one row of B with row m of A.
fn sumOf(row: u32, m: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < LANES; i++) { sum += partial[row * LANES + i][m]; }
  return sum;
}

fn biasAt(at: u32) -> f32 {
  if (BIAS) { return bias[at >> 2u][at & 3u]; }
  return 0.0;
}

@compute @workgroup_size(OUTPUTS * LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= params.tiles) { return; }
  let own = thread / LANES;
  let outputs = select(OUTPUTS, OUTPUTS / 2u, GATED);
  p = params.problems[select(problemOf(tile), own / outputs, GATED)];
  let n0 = (tile - p.first) * outputs;
  let n = min(n0 + own % outputs, p.N - 1u);
  let lane = thread % LANES;
  let last = p.M - 1u;
  let depth = p.K >> 2u;
  let a0 = p.a >> 2u;
  let row = p.b + n * p.K;
  var sums = vec4f();
  for (var first = lane * STEP; first < p.K; first += LANES * STEP) {
    let scale = scaleOfB(row + first, p.N * p.K);
    for (var i = 0u; i < STEP; i += 4u) {
      let w = valuesOfB(row + first + i, scale);
      let k = a0 + ((first + i) >> 2u);
      sums += vec4f(
        dot(w, vec4f(a[k])),
        dot(w, vec4f(a[min(1u, last) * depth + k])),
        dot(w, vec4f(a[min(2u, last) * depth + k])),
        dot(w, vec4f(a[last * depth + k])),
      );
    }
  }
  sums *= p.scale;
  if (LOW_RANK) {
    let rank = p.R >> 2u;
    let z0 = p.z >> 2u;
    var low = vec4f();
    for (var r = lane; r < rank; r += LANES) {
      let w = vec4f(l[(p.l >> 2u) + n * rank + r]);
      low += vec4f(
        dot(w, vec4f(z[z0 + r])),
        dot(w, vec4f(z[z0 + min(1u, last) * rank + r])),
        dot(w, vec4f(z[z0 + min(2u, last) * rank + r])),
        dot(w, vec4f(z[z0 + last * rank + r])),
      );
    }
    sums += low * p.loraScale;
  }
  partial[thread] = sums;
  workgroupBarrier();

  // The first threads finish one output each: OUTPUTS of N for each of four rows, or half of them.
  let m = thread / OUTPUTS;
  let output = thread % OUTPUTS;
  let column = n0 + output;
  if (m >= p.M || column >= p.N || output >= outputs) { return; }
  var value = sumOf(output, m) + biasAt(p.bias + column);
  if (GATED) { value = activated(value) * (sumOf(output + outputs, m) + biasAt(params.problems[1].bias + column)); }
  let at = m * p.strideM + column;
  if (RESIDUAL) { value += residualAt(at)[at & 3u]; }
  let index = p.c + at;
  if (ACCUMULATE) { value += f32(c[index]); }
  c[index] = ElemC(value);
}
