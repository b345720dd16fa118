// Rows times weights that lie in another order.
//
//   forward    y[s, :] (+)= weights[rows[s]] · x[s, :]
//   backward   dweights[rows[s]] (+)= Σ_f dy[s, f] · x[s, f]
//
// x, y, dy: [P, F]. forward: four elements a thread. backward: THREADS threads share a row, ROWS rows a workgroup (see rms_norm.wgsl).

struct Params { P: u32, F: u32 }

override ACCUMULATE: bool = false;
override THREADS: u32 = 64;
override ROWS: u32 = 1;
// A workgroup of the forward takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const LANES = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Elem>;

@group(0) @binding(5) var<storage, read> dy: array<Elem>;
@group(0) @binding(6) var<storage, read_write> dweights: array<f32>;

@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.P * params.F); i += LANES) {
    var value = weights[rows[i / params.F]] * f32(x[i]);
    if (ACCUMULATE) { value += f32(y[i]); }
    y[i] = Elem(value);
  }
}

var<workgroup> parts: array<f32, THREADS * ROWS>;

@compute @workgroup_size(THREADS * ROWS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let s = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let inside = s < params.P;
  let base = s * params.F;
  var sum = 0.0;
  if (inside) {
    for (var f = thread; f < params.F; f += THREADS) { sum += f32(x[base + f]) * f32(dy[base + f]); }
  }
  if (THREADS > 1u) {
    parts[invocation] = sum;
    workgroupBarrier();
    sum = 0.0;
    for (var i = 0u; i < THREADS; i++) { sum += parts[invocation - thread + i]; }
  }
  if (!inside || thread != 0u) { return; }
  let at = rows[s];
  if (ACCUMULATE) { sum += dweights[at]; }
  dweights[at] = sum;
}
