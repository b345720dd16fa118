// Matrix products for GPUs whose results are too small or too narrow for matmul_tiled.wgsl to keep them busy: K is divided among the threads of a
// workgroup. matmul_problems.wgsl says what the products are, and reads their operands.
//
// LoRA's z = x·Aᵀ and dz = dy·B have few columns, and its dA = dzᵀ·x few rows and all tokens as K; so have all products of a short prompt.
//
// A workgroup computes 16 × 16 outputs. Each of its 256 threads owns a 4×4 block of them and every sixteenth four of the k; the sixteen partial sums
// of an output meet in shared memory and are added in a fixed order. Operands are read where they lie: the threads of a slice share their lines.
// Where the narrow side is A and the result is wanted the other way round, as in dB = dyᵀ·z, strideM and strideN say so.
// Shared memory: 1024 vec4 = 16 KiB, all that WebGPU promises.

@group(0) @binding(3) var<storage, read_write> c: array<ElemC>;

const SLICES = 16u;

// [row of a block][block][slice].
var<workgroup> partial: array<vec4f, 1024>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= params.tiles) { return; }
  let first = problemOf(tile);
  let last = lastOf(first);
  let place = tile - params.problems[first].first;
  let across = params.problems[first].across;
  let m0 = place / across * 16u;
  let n0 = place % across * 16u;
  // Neighbouring threads read neighbouring vec4s: along k, or along m and n.
  let block = select(thread >> 4u, thread & 15u, TRANSPOSED_A);
  let slice = select(thread & 15u, thread >> 4u, TRANSPOSED_A);
  let m = m0 + (block >> 2u) * 4u;
  let n = n0 + (block & 3u) * 4u;
  var sums = mat4x4f();
  for (var i = first; i <= last; i++) {
    p = params.problems[i];
    for (var k = slice * 4u; k < p.K; k += SLICES * 4u) { sums += blockOfB(n, k) * blockOfA(m, k); }
  }
  sums *= p.scale;
  if (LOW_RANK) {
    for (var i = first; i <= last; i++) {
      p = params.problems[i];
      for (var r = slice * 4u; r < p.R; r += SLICES * 4u) { sums += blockOfL(n, r) * blockOfZ(m, r); }
    }
  }
  for (var i = 0u; i < 4u; i++) { partial[(i * 16u + block) * SLICES + slice] = sums[i]; }
  workgroupBarrier();

  // A thread finishes one output.
  p = params.problems[first];
  let row = m0 + (thread >> 4u);
  let column = n0 + (thread & 15u);
  if (row >= p.M || column >= p.N) { return; }
  let begin = (((thread >> 4u) & 3u) * 16u + (thread >> 6u) * 4u + ((thread & 15u) >> 2u)) * SLICES;
  var value = 0.0;
  for (var s = 0u; s < SLICES; s++) { value += partial[begin + s][thread & 3u]; }
  let at = row * p.strideM + column * p.strideN;
  if (BIAS) { value += bias[(p.bias + column) >> 2u][column & 3u]; }
  if (RESIDUAL) { value += residualAt(at)[at & 3u]; }
  let index = p.c + at;
  if (ACCUMULATE) { value += f32(c[index]); }
  c[index] = ElemC(value);
}
