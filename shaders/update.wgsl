// One update of a flat range of all trained parameters. An optimiser's own file brings `updated`, and the planes of state that it keeps:
//
//   g ← g · SCALE;  previous ← p;  p ← updated(i, p, g, lr)
//
// Where something was not finite (SCALE 0, see gradient_norm.wgsl) nothing is updated. `previous` then has the values before the last update, the
// last that are known to give a finite loss. What changes from step to step is data (`hyper`). p, g: [size] f32.

struct Params { size: u32, rateScale: f32 }

const THREADS = 64u;
// Elements of a thread.
const UPDATED = 4u;
// Slots of `hyper` that every optimiser has; its own start at OWN.
const LR = 2u;
const DECAY = 3u;
const OWN = 4u;
// Slot of `outcome`, which gradient_norm.wgsl writes.
const SCALE = 2u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> outcome: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> p: array<f32>;
@group(0) @binding(5) var<storage, read_write> previous: array<f32>;

@compute @workgroup_size(THREADS)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let scale = outcome[SCALE];
  if (scale == 0.0) { return; }
  let lr = hyper[LR] * params.rateScale;
  let start = (group.x + group.y * groups.x) * THREADS * UPDATED + thread;
  for (var i = start; i < min(start + THREADS * UPDATED, params.size); i += THREADS) {
    let value = p[i];
    previous[i] = value;
    p[i] = updated(i, value, g[i] * scale, lr);
  }
}
