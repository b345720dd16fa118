// Layer normalisation (Ba, Kiros and Hinton, 2016), over the last dimension.
//
//   forward    n[m,c] = (x[m,c] − mean[m]) · r[m]        y[m,c] = n[m,c] · w[c] + b[c]        r[m] = 1 / sqrt(mean_c (x − mean)² + eps)
//   backward   g[m,c] = dy[m,c] · w[c]                   dx[m,c] (+)= r[m] · (g − mean_c g − n · mean_c(g · n))
//   weight     dw[c] += Σ_m dy[m,c] · n[m,c]             (db is the sum of dy over m: column_sum.wgsl)
//
// x, y, dy, dx: [M, C]. w, b: [C]. stats: [M], mean and r, saved by the forward. Sums are f32; the variance is taken around the mean,
// in a second pass, since E[x²] − E[x]² would cancel.
// Threads and rows are shared out as in rms_norm.wgsl.

struct Params { M: u32, C: u32, eps: f32 }

override ACCUMULATE: bool = false;
override THREADS: u32 = 64;
override ROWS: u32 = 1;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Elem>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>;

@group(0) @binding(6) var<storage, read> saved: array<vec2f>;
@group(0) @binding(7) var<storage, read> dy: array<Elem>;
@group(0) @binding(8) var<storage, read_write> dx: array<Elem>;
@group(0) @binding(9) var<storage, read_write> dw: array<f32>;

var<workgroup> parts: array<vec2f, THREADS * ROWS>;

fn total(invocation: u32, part: vec2f) -> vec2f {
  if (THREADS == 1u) { return part; }
  workgroupBarrier();
  parts[invocation] = part;
  workgroupBarrier();
  let first = invocation - invocation % THREADS;
  var sum = vec2f();
  for (var i = 0u; i < THREADS; i++) { sum += parts[first + i]; }
  return sum;
}

@compute @workgroup_size(THREADS * ROWS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let m = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let base = m * params.C;
  let end = select(0u, params.C, m < params.M);
  var part = 0.0;
  for (var c = thread; c < end; c += THREADS) { part += f32(x[base + c]); }
  let mean = total(invocation, vec2f(part, 0)).x / f32(params.C);
  part = 0;
  for (var c = thread; c < end; c += THREADS) { let v = f32(x[base + c]) - mean; part += v * v; }
  let scale = inverseSqrt(total(invocation, vec2f(part, 0)).x / f32(params.C) + params.eps);
  for (var c = thread; c < end; c += THREADS) { y[base + c] = Elem((f32(x[base + c]) - mean) * scale * w[c] + b[c]); }
  if (thread == 0u && m < params.M) { stats[m] = vec2f(mean, scale); }
}

@compute @workgroup_size(THREADS * ROWS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let m = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let base = m * params.C;
  let end = select(0u, params.C, m < params.M);
  let stat = saved[min(m, max(params.M, 1u) - 1u)];
  var part = vec2f();
  for (var c = thread; c < end; c += THREADS) {
    let g = f32(dy[base + c]) * w[c];
    part += vec2f(g, g * (f32(x[base + c]) - stat.x) * stat.y);
  }
  let means = total(invocation, part) / f32(params.C);
  for (var c = thread; c < end; c += THREADS) {
    var d = stat.y * (f32(dy[base + c]) * w[c] - means.x - (f32(x[base + c]) - stat.x) * stat.y * means.y);
    if (ACCUMULATE) { d += f32(dx[base + c]); }
    dx[base + c] = Elem(d);
  }
}

@compute @workgroup_size(64)
fn weight(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= params.C) { return; }
  var sum = 0.0;
  for (var m = 0u; m < params.M; m++) { sum += f32(dy[m * params.C + c]) * (f32(x[m * params.C + c]) - saved[m].x) * saved[m].y; }
  dw[c] += sum;
}
