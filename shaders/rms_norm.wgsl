// RMSNorm (Zhang and Sennrich, 2019), over the last dimension.
//
//   forward    r[m] = 1 / sqrt(mean_c x[m,c]² + eps)        y[m,c] = x[m,c] · r[m] · (OFFSET + w[c])
//   backward   g[m,c] = dy[m,c] · (OFFSET + w[c])           dx[m,c] (+)= r · (g − x · r² · mean_c(g · x))
//   weight     dw[c] += Σ_m dy[m,c] · x[m,c] · r[m]
//
// x, y, dy, dx: [M, C]. w: [C]. r: [M], saved by the forward. Sums are f32.
// forward and backward: one workgroup per row; each thread sums a strided part, and after one barrier every thread adds up the 64
// parts itself, which costs less than a tree of barriers. weight: one thread per column.

struct Params { M: u32, C: u32, eps: f32 }

// Gemma stores w − 1.
override OFFSET: f32 = 0;
override ACCUMULATE: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;
@group(0) @binding(4) var<storage, read_write> r: array<f32>;

@group(0) @binding(5) var<storage, read> saved: array<f32>;
@group(0) @binding(6) var<storage, read> dy: array<Elem>;
@group(0) @binding(7) var<storage, read_write> dx: array<Elem>;
@group(0) @binding(8) var<storage, read_write> dw: array<f32>;

const THREADS = 64u;
var<workgroup> parts: array<f32, THREADS>;

fn total(thread: u32, part: f32) -> f32 {
  parts[thread] = part;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < THREADS; i++) { sum += parts[i]; }
  return sum;
}

@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let m = group.x + group.y * groups.x;
  let base = m * params.C;
  let inside = m < params.M;
  var part = 0.0;
  if (inside) {
    for (var c = thread; c < params.C; c += THREADS) { let v = f32(x[base + c]); part += v * v; }
  }
  let scale = inverseSqrt(total(thread, part) / f32(params.C) + params.eps);
  if (!inside) { return; }
  for (var c = thread; c < params.C; c += THREADS) { y[base + c] = Elem(f32(x[base + c]) * scale * (OFFSET + w[c])); }
  if (thread == 0u) { r[m] = scale; }
}

@compute @workgroup_size(THREADS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let m = group.x + group.y * groups.x;
  let base = m * params.C;
  let inside = m < params.M;
  var part = 0.0;
  if (inside) {
    for (var c = thread; c < params.C; c += THREADS) { part += f32(dy[base + c]) * (OFFSET + w[c]) * f32(x[base + c]); }
  }
  let mean = total(thread, part) / f32(params.C);
  if (!inside) { return; }
  let scale = saved[m];
  for (var c = thread; c < params.C; c += THREADS) {
    var d = scale * (f32(dy[base + c]) * (OFFSET + w[c]) - f32(x[base + c]) * scale * scale * mean);
    if (ACCUMULATE) { d += f32(dx[base + c]); }
    dx[base + c] = Elem(d);
  }
}

@compute @workgroup_size(THREADS)
fn weight(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= params.C) { return; }
  var sum = 0.0;
  for (var m = 0u; m < params.M; m++) { sum += f32(dy[m * params.C + c]) * f32(x[m * params.C + c]) * saved[m]; }
  dw[c] += sum;
}
