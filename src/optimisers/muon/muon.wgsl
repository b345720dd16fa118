// Muon (Jordan and others, 2024): the momentum of a matrix, made orthogonal. Recorded for each matrix (muon.ts), in this order:
//
//   muon_momentum    g ← x · SCALE;  m ← μ m + (1 − μ) g;  out ← (1 − μ) g + μ m          (Nesterov's look ahead)
//   muon_normalise   out ← x / max(y, ε)                                                 y [1]: the Frobenius norm of x
//   muon_polynomial  out ← identity · I + linear · x + square · y                        x = X Xᵀ, y = x · x, both [side, side]
//   muon_apply       previous ← p;  p ← p · (1 − lr · decay) − lr · factor · x
//
// Between them are products: X ← (a I + b X Xᵀ + c (X Xᵀ)²) X, five times. Where something was not finite (SCALE 0, see gradient_norm.wgsl) neither
// momentum nor values change. What changes from step to step is data (`hyper`). All f32 [size].

struct Params { size: u32, side: u32, identity: f32, linear: f32, square: f32, factor: f32, rateScale: f32 }

const THREADS = 64u;
// Elements of a thread.
const EACH = 4u;
const EPSILON = 1e-7;
// Slots of `hyper`: those of every optimiser, then the numbers that muon.ts encodes.
const LR = 2u;
const DECAY = 3u;
const MOMENTUM = 9u;
// Slot of `outcome`, which gradient_norm.wgsl writes.
const SCALE = 2u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> outcome: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> momentum: array<f32>;
@group(0) @binding(7) var<storage, read_write> p: array<f32>;
@group(0) @binding(8) var<storage, read_write> previous: array<f32>;

// The first element of a thread; the others follow at a distance of THREADS.
fn start_of(group: vec3u, groups: vec3u, thread: u32) -> u32 {
  return (group.x + group.y * groups.x) * THREADS * EACH + thread;
}

@compute @workgroup_size(THREADS)
fn muon_momentum(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let scale = outcome[SCALE];
  if (scale == 0.0) { return; }
  let share = hyper[MOMENTUM];
  let start = start_of(group, groups, thread);
  for (var i = start; i < min(start + THREADS * EACH, params.size); i += THREADS) {
    let gradient = x[i] * scale;
    let m = share * momentum[i] + (1.0 - share) * gradient;
    momentum[i] = m;
    out[i] = (1.0 - share) * gradient + share * m;
  }
}

@compute @workgroup_size(THREADS)
fn muon_normalise(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let norm = max(y[0], EPSILON);
  let start = start_of(group, groups, thread);
  for (var i = start; i < min(start + THREADS * EACH, params.size); i += THREADS) {
    out[i] = x[i] / norm;
  }
}

@compute @workgroup_size(THREADS)
fn muon_polynomial(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = start_of(group, groups, thread);
  for (var i = start; i < min(start + THREADS * EACH, params.size); i += THREADS) {
    let diagonal = select(0.0, params.identity, i / params.side == i % params.side);
    out[i] = params.linear * x[i] + params.square * y[i] + diagonal;
  }
}

@compute @workgroup_size(THREADS)
fn muon_apply(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (outcome[SCALE] == 0.0) { return; }
  let lr = hyper[LR] * params.rateScale;
  let start = start_of(group, groups, thread);
  for (var i = start; i < min(start + THREADS * EACH, params.size); i += THREADS) {
    let value = p[i];
    previous[i] = value;
    p[i] = value * (1.0 - lr * hyper[DECAY]) - lr * params.factor * x[i];
  }
}
