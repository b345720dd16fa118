// RMSNorm (Zhang and Sennrich, 2019), over the last dimension.
//
//   forward    r[m] = 1 / sqrt(mean_c x[m,c]² + eps)        y[m,c] = x[m,c] · r[m] · gain[c]        gain[c] = SCALE · (OFFSET + w[c])
//   backward   g[m,c] = dy[m,c] · gain[c]                   dx[m,c] (+)= r · (g − x · r² · mean_c(g · x))
//   weight     dw[c] += SCALE · Σ_m dy[m,c] · x[m,c] · r[m]
//
// x, y, dy, dx: [M, C]; a norm of each head treats the heads of a token as separate rows. w: [C]. r: [M], saved by the forward. Sums are f32.
// forward and backward: THREADS threads share a row, ROWS rows a workgroup. Each thread sums a strided part, and after one barrier
// every thread adds up the parts itself, which costs less than a tree of barriers. Where barriers are expensive (on SwiftShader, a software adapter,
// one took ten times as long as the sum), a row has one thread and no barrier. weight: one thread per column.

struct Params { M: u32, C: u32, eps: f32 }

// Gemma stores w − 1.
override OFFSET: f32 = 0;
// Granite divides its logits: the norm before the head does it.
override SCALE: f32 = 1;
override ACCUMULATE: bool = false;
override THREADS: u32 = 64;
override ROWS: u32 = 1;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;
@group(0) @binding(4) var<storage, read_write> r: array<f32>;

@group(0) @binding(5) var<storage, read> saved: array<f32>;
@group(0) @binding(6) var<storage, read> dy: array<Elem>;
@group(0) @binding(7) var<storage, read_write> dx: array<Elem>;
@group(0) @binding(8) var<storage, read_write> dw: array<f32>;

fn gain(c: u32) -> f32 { return SCALE * (OFFSET + w[c]); }

var<workgroup> parts: array<f32, THREADS * ROWS>;

fn total(invocation: u32, part: f32) -> f32 {
  if (THREADS == 1u) { return part; }
  parts[invocation] = part;
  workgroupBarrier();
  let first = invocation - invocation % THREADS;
  var sum = 0.0;
  for (var i = 0u; i < THREADS; i++) { sum += parts[first + i]; }
  return sum;
}

@compute @workgroup_size(THREADS * ROWS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let m = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let base = m * params.C;
  let inside = m < params.M;
  var part = 0.0;
  if (inside) {
    for (var c = thread; c < params.C; c += THREADS) { let v = f32(x[base + c]); part += v * v; }
  }
  let scale = inverseSqrt(total(invocation, part) / f32(params.C) + params.eps);
  if (!inside) { return; }
  for (var c = thread; c < params.C; c += THREADS) { y[base + c] = Elem(f32(x[base + c]) * scale * gain(c)); }
  if (thread == 0u) { r[m] = scale; }
}

@compute @workgroup_size(THREADS * ROWS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let m = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let base = m * params.C;
  let inside = m < params.M;
  var part = 0.0;
  if (inside) {
    for (var c = thread; c < params.C; c += THREADS) { part += f32(dy[base + c]) * gain(c) * f32(x[base + c]); }
  }
  let mean = total(invocation, part) / f32(params.C);
  if (!inside) { return; }
  let scale = saved[m];
  for (var c = thread; c < params.C; c += THREADS) {
    var d = scale * (f32(dy[base + c]) * gain(c) - f32(x[base + c]) * scale * scale * mean);
    if (ACCUMULATE) { d += f32(dx[base + c]); }
    dx[base + c] = Elem(d);
  }
}

@compute @workgroup_size(64)
fn weight(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= params.C) { return; }
  var sum = 0.0;
  for (var m = 0u; m < params.M; m++) { sum += f32(dy[m * params.C + c]) * f32(x[m * params.C + c]) * saved[m]; }
  dw[c] += SCALE * sum;
}
