// SwiGLU (Shazeer, 2020): y = silu(g) · u, with silu(g) = g · σ(g).
//
//   backward   dg (+)= dy · u · σ(g) · (1 + g · (1 − σ(g)))        du (+)= dy · silu(g)
//
// g, u, y and their gradients: [M, F]. One thread per element.

struct Params { size: u32 }

override ACCUMULATE: bool = false;

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

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.size) { return; }
  let gate = f32(g[i]);
  y[i] = Elem(gate * sigmoid(gate) * f32(u[i]));
}

@compute @workgroup_size(64)
fn backward_gate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.size) { return; }
  let gate = f32(g[i]);
  let s = sigmoid(gate);
  store(i, f32(dy[i]) * f32(u[i]) * s * (1.0 + gate * (1.0 - s)));
}

@compute @workgroup_size(64)
fn backward_up(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.size) { return; }
  let gate = f32(g[i]);
  store(i, f32(dy[i]) * gate * sigmoid(gate));
}
