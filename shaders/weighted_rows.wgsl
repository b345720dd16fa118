// sum[first] −= Σ weights[r] · x[r], and sum[second] likewise. x, weights: [R] f32. One workgroup, so that the order of the sum is fixed.

struct Params { R: u32, first: u32, second: u32 }

const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> sum: array<f32>;

var<workgroup> parts: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var part = 0.0;
  for (var r = thread; r < params.R; r += THREADS) { part += weights[r] * x[r]; }
  parts[thread] = part;
  workgroupBarrier();
  if (thread != 0u) { return; }
  part = 0.0;
  for (var i = 0u; i < THREADS; i++) { part += parts[i]; }
  sum[params.first] -= part;
  sum[params.second] -= part;
}
