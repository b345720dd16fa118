// The end of a matrix product whose K was split: adds the parts, then the terms that the other kernels add when they store.
//
//   C[M,N] = scale · Σ_p partial[p]  + bias  + residual  (+ C)
//
// partial: f32 [parts, M, N], one matrix for each part of K, added in order, so that the result is the same in every run. The rows of C
// are pitchC apart. Splitting pays if C is too small to fill a GPU and K is long: LoRA's dA = dzᵀ·x is [8, C] with K the tokens of a batch.

struct Params { size: u32, N: u32, pitchC: u32, parts: u32, scale: f32 }

override BIAS: bool = false;
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<ElemC>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<ElemC>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * groups.x + group.x) * 64u + thread;
  if (i >= params.size) { return; }
  var sum = 0.0;
  for (var p = 0u; p < params.parts; p++) { sum += partial[p * params.size + i]; }
  sum *= params.scale;
  let place = (i / params.N) * params.pitchC + i % params.N;
  if (BIAS) { sum += bias[i % params.N]; }
  if (RESIDUAL) { sum += f32(residual[place]); }
  if (ACCUMULATE) { sum += f32(c[place]); }
  c[place] = ElemC(sum);
}
