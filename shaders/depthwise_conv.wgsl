// A causal convolution of each channel over the tokens of its sequence, which lie in any order.
//
//   forward    y[m, c] = Σ_k w[c, L − 1 − k] · x[p_k(m), c] (+ bias[c])          p_0(m) = m, p_k(m) = previous[m, k − 1]
//   backward   dx[m, c] (+)= Σ_k w[c, L − 1 − k] · Σ over all n with p_k(n) = m of dy[n, c]
//   weight     dw[c, L − 1 − k] += Σ_m dy[m, c] · x[p_k(m), c]
//
// x, y, dy, dx: [M, C]. w, dw: [C, L] f32. bias: [C] f32. previous: [M, L − 1]; from M on these are rows of `state` [N, C], and NONE adds nothing. A token may be
// before several others, and there are no f32 atomics, so the host links them: following [M, L − 1] has the first n with p_k(n) = m, and the next n with the
// p_k of this one. forward and backward: four elements a thread. weight: one thread for each number of dw.

struct Params { M: u32, C: u32, L: u32 }

override BIAS: bool = false;
override ACCUMULATE: bool = false;

const NONE = 0xffffffffu;
// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> previous: array<u32>;
@group(0) @binding(5) var<storage, read> state: array<Elem>;
@group(0) @binding(6) var<storage, read_write> y: array<Elem>;

@group(0) @binding(7) var<storage, read> following: array<vec2u>;
@group(0) @binding(8) var<storage, read> dy: array<Elem>;
@group(0) @binding(9) var<storage, read_write> dx: array<Elem>;
@group(0) @binding(10) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  let C = params.C;
  let L = params.L;
  for (var i = start; i < min(start + ELEMENTS, params.M * C); i += THREADS) {
    let m = i / C;
    let c = i % C;
    var sum = w[c * L + L - 1u] * f32(x[i]);
    if (BIAS) { sum += bias[c]; }
    for (var k = 1u; k < L; k++) {
      let row = previous[m * (L - 1u) + k - 1u];
      if (row == NONE) { continue; }
      var value: Elem;
      if (row < params.M) { value = x[row * C + c]; } else { value = state[(row - params.M) * C + c]; }
      sum += w[c * L + L - 1u - k] * f32(value);
    }
    y[i] = Elem(sum);
  }
}

@compute @workgroup_size(THREADS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  let C = params.C;
  let L = params.L;
  for (var i = start; i < min(start + ELEMENTS, params.M * C); i += THREADS) {
    let c = i % C;
    var sum = w[c * L + L - 1u] * f32(dy[i]);
    for (var k = 1u; k < L; k++) {
      var n = following[i / C * (L - 1u) + k - 1u].x;
      // A chain has at most M tokens: numbers that are none, such as zeros, must not go round for ever.
      for (var count = 0u; count < params.M && n < params.M; count++) {
        sum += w[c * L + L - 1u - k] * f32(dy[n * C + c]);
        n = following[n * (L - 1u) + k - 1u].y;
      }
    }
    if (ACCUMULATE) { sum += f32(dx[i]); }
    dx[i] = Elem(sum);
  }
}

@compute @workgroup_size(64)
fn weight(@builtin(global_invocation_id) id: vec3u) {
  let at = id.x;
  let C = params.C;
  let L = params.L;
  if (at >= C * L) { return; }
  let c = at / L;
  let k = L - 1u - at % L;
  var sum = 0.0;
  for (var m = 0u; m < params.M; m++) {
    var row = m;
    if (k > 0u) { row = previous[m * (L - 1u) + k - 1u]; }
    if (row < params.M) { sum += f32(dy[m * C + c]) * f32(x[row * C + c]); }
  }
  dw[at] += sum;
}
