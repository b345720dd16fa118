// SwiGLU (Shazeer, 2020): y = silu(g) · u, with silu(g) = g · σ(g).
//
//   backward   dg (+)= dy · u · σ(g) · (1 + g · (1 − σ(g)))        du (+)= dy · silu(g)
//
// g, u, y and their gradients: [M, F]. Four elements a thread.

struct Params { size: u32 }

override ACCUMULATE: bool = false;

// Of a workgroup: four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<Elem>;
@group(0) @binding(2) var<storage, read> u: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@group(0) @binding(4) var<storage, read> dy: array<Elem>;
@group(0) @binding(5) var<storage, read_write> dx: array<Elem>;

fn sigmoid(v: f32) -> f32 {
  return 1.0 / (1.0 + exp(-v));
}

fn store(i: u32, value: f32) {
  var sum = value;
  if (ACCUMULATE) { sum += f32(dx[i]); }
  dx[i] = Elem(sum);
}

@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    let gate = f32(g[i]);
    y[i] = Elem(gate * sigmoid(gate) * f32(u[i]));
  }
}

@compute @workgroup_size(THREADS)
fn backward_gate(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    let gate = f32(g[i]);
    let s = sigmoid(gate);
    store(i, f32(dy[i]) * f32(u[i]) * s * (1.0 + gate * (1.0 - s)));
  }
}

@compute @workgroup_size(THREADS)
fn backward_up(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    let gate = f32(g[i]);
    store(i, f32(dy[i]) * gate * sigmoid(gate));
  }
}
