// Activations, alone or as a gate (Shazeer, 2020, "GLU variants"):
//
//   SiLU            x · σ(x)                                         y = a(g) · u is SwiGLU
//   GELU by tanh    x · σ(2 · √(2/π) · (x + 0.044715 · x³))          y = a(g) · u is GeGLU;  ½ (1 + tanh z) = σ(2 z)
//   GELU            x · Φ(x),  Φ(x) = ½ (1 + erf(x / √2))            erf by Abramowitz and Stegun, 7.1.26: within 1.5e-7
//   identity        x                                                y = g · u, the bilinear layer
//
//   alone      y = a(g)                  dg (+)= dy · a′(g)
//   gated      y = a(g) · u              dg (+)= dy · u · a′(g)        du (+)= dy · a(g)
//
// with a′(x) = σ · (1 + x · (1 − σ) · k′(x)) for a(x) = x · σ(k(x)), and Φ(x) + x · Φ′(x) for GELU. g, u, y and their gradients: [M, F]. Four elements a thread. dx is dg. The functions are in
// activation_functions.wgsl.

struct Params { size: u32 }

override ACCUMULATE: bool = false;
override ACCUMULATE_UP: bool = false;

// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<Elem>;
@group(0) @binding(2) var<storage, read> u: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@group(0) @binding(4) var<storage, read> dy: array<Elem>;
@group(0) @binding(5) var<storage, read_write> dx: array<Elem>;
@group(0) @binding(6) var<storage, read_write> du: array<Elem>;

fn store(i: u32, value: f32) {
  var sum = value;
  if (ACCUMULATE) { sum += f32(dx[i]); }
  dx[i] = Elem(sum);
}

@compute @workgroup_size(THREADS)
fn alone(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    y[i] = Elem(activated(f32(g[i])));
  }
}

@compute @workgroup_size(THREADS)
fn backward_alone(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    store(i, f32(dy[i]) * slope(f32(g[i])));
  }
}

@compute @workgroup_size(THREADS)
fn gated(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    y[i] = Elem(activated(f32(g[i])) * f32(u[i]));
  }
}

@compute @workgroup_size(THREADS)
fn backward_gated(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    let x = f32(g[i]);
    let d = f32(dy[i]);
    store(i, d * f32(u[i]) * slope(x));
    var up = d * activated(x);
    if (ACCUMULATE_UP) { up += f32(du[i]); }
    du[i] = Elem(up);
  }
}
