// y[n] += Σ_m x[m, n]: the gradient of a bias. x: [M, N]. y: [N] f32. One thread per column.

struct Params { M: u32, N: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  if (n >= params.N) { return; }
  var sum = 0.0;
  for (var m = 0u; m < params.M; m++) { sum += f32(x[m * params.N + n]); }
  y[n] += sum;
}
