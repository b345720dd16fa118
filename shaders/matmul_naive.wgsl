struct Params { M: u32, N: u32, K: u32, R: u32, scale: f32, loraScale: f32 }
override TA: bool = false;
override TB: bool = false;
override LOW: bool = false;
override BIAS: bool = false;
override RESIDUAL: bool = false;
override ACC: bool = false;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ElemA>;
@group(0) @binding(2) var<storage, read> b: array<ElemB>;
@group(0) @binding(3) var<storage, read_write> c: array<ElemC>;
@group(0) @binding(4) var<storage, read> z: array<f32>;
@group(0) @binding(5) var<storage, read> l: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read> residual: array<ElemC>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.M * params.N) { return; }
  let m = i / params.N; let n = i % params.N;
  var s = 0.0;
  for (var k = 0u; k < params.K; k++) {
    let av = f32(select(a[m * params.K + k], a[k * params.M + m], TA));
    let bv = f32(select(b[k * params.N + n], b[n * params.K + k], TB));
    s += av * bv;
  }
  s *= params.scale;
  if (LOW) { var t = 0.0; for (var r = 0u; r < params.R; r++) { t += z[m*params.R+r] * select(l[r*params.N+n], l[n*params.R+r], TB); } s += params.loraScale * t; }
  if (BIAS) { s += bias[n]; }
  if (RESIDUAL) { s += f32(residual[i]); }
  if (ACC) { s += f32(c[i]); }
  c[i] = ElemC(s);
}
