// The global norm of all gradients, and the factor that an update multiplies them by: one over the tokens, and clipping.
//
//   norm_parts   parts[base + thread] = Σ g² of this thread's elements (or, without SQUARE, Σ g: of earlier partial sums)
//   norm_total   stats[NORM] = √Σ parts · rate        rate = 1 / number of supervised tokens: gradients arrive as sums
//                stats[SCALE] = rate · min(1, clip / (norm + 1e-6)), as in PyTorch's clip_grad_norm_; 0 if the norm is not finite
//
// Where the loss or the norm is not finite, neither this step nor any later one updates anything, however late the host learns of it.
// What changes from step to step is data (`hyper`), never part of the plan. g: [size] f32.

struct Params { size: u32, base: u32 }

// Without SQUARE, `norm_parts` adds up partial sums instead of gradients.
override SQUARE: bool = true;
const THREADS = 64u;
// Elements of a thread of norm_parts.
const SUMMED = 64u;
// Slots of `hyper`, written by the host once a step: engine/ops/step.ts.
const CLIP = 0u;       // 0: no clipping
const TOKEN_RATE = 1u; // 1 / supervised tokens of the step
// Slots of `stats`, read by the host after a step.
const LOSS = 0u;   // summed over the supervised tokens
const NORM = 1u;
const SCALE = 2u;
const BROKEN = 3u; // not 0 once something was not finite; never cleared

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;
@group(0) @binding(5) var<storage, read> all_parts: array<f32>;

var<workgroup> sums: array<f32, THREADS>;

// Tested by its bits, since compilers may assume that no value is infinite or NaN.
fn finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

// No barriers: each thread writes its own partial sum, in a fixed order.
@compute @workgroup_size(THREADS)
fn norm_parts(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let workgroup = group.x + group.y * groups.x;
  let start = workgroup * THREADS * SUMMED + thread;
  var sum = 0.0;
  for (var i = start; i < min(start + THREADS * SUMMED, params.size); i += THREADS) {
    sum += select(g[i], g[i] * g[i], SQUARE);
  }
  if (workgroup * THREADS * SUMMED < params.size) { parts[params.base + workgroup * THREADS + thread] = sum; }
}

@compute @workgroup_size(THREADS)
fn norm_total(@builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var i = thread; i < params.size; i += THREADS) { sum += all_parts[i]; }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread != 0u) { return; }
  var all = 0.0;
  for (var i = 0u; i < THREADS; i++) { all += sums[i]; }
  let rate = hyper[TOKEN_RATE];
  let norm = sqrt(all) * rate;
  var scale = rate;
  if (hyper[CLIP] > 0.0) { scale *= min(1.0, hyper[CLIP] / (norm + 1e-6)); }
  if (!finite(norm) || !finite(stats[LOSS])) { stats[BROKEN] = 1.0; }
  if (stats[BROKEN] != 0.0) { scale = 0.0; }
  stats[NORM] = norm;
  stats[SCALE] = scale;
}
