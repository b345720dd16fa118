// Each column times a learned factor: y[m,n] = x[m,n] · s[n] (/ d[n]) (+ bias[n]) (+ residual[m,n]).
//
//   backward   dx[m,n] (+)= dy[m,n] · s[n] (/ d[n])
//   factor     ds[n] += Σ_m dy[m,n] · x[m,n] (/ d[n])
//
// x, y, residual, dy, dx: [M, N]. s, d, bias, ds: [N] f32; d is a constant to the gradient. forward and backward: four elements a thread.
// factor: one thread per column.

struct Params { M: u32, N: u32 }

override DIVIDED: bool = false;
override BIAS: bool = false;
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;

// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> s: array<f32>;
@group(0) @binding(3) var<storage, read> d: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<Elem>;
@group(0) @binding(6) var<storage, read_write> y: array<Elem>;

@group(0) @binding(7) var<storage, read> dy: array<Elem>;
@group(0) @binding(8) var<storage, read_write> dx: array<Elem>;
@group(0) @binding(9) var<storage, read_write> ds: array<f32>;

fn factorOf(n: u32) -> f32 { return select(s[n], s[n] / d[n], DIVIDED); }

@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.M * params.N); i += THREADS) {
    let n = i % params.N;
    var value = f32(x[i]) * factorOf(n);
    if (BIAS) { value += bias[n]; }
    if (RESIDUAL) { value += f32(residual[i]); }
    y[i] = Elem(value);
  }
}

@compute @workgroup_size(THREADS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.M * params.N); i += THREADS) {
    var value = f32(dy[i]) * factorOf(i % params.N);
    if (ACCUMULATE) { value += f32(dx[i]); }
    dx[i] = Elem(value);
  }
}

@compute @workgroup_size(64)
fn factor(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  if (n >= params.N) { return; }
  var sum = 0.0;
  for (var m = 0u; m < params.M; m++) { sum += f32(dy[m * params.N + n]) * f32(x[m * params.N + n]); }
  ds[n] += select(sum, sum / d[n], DIVIDED);
}
