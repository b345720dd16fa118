// The log-probabilities of the labels of each row of logits, and the gradient of one label a row in place of the logits.
//
//   forward    y[r,l] = z[r, label[r,l]] − log Σ_v exp(z[r,v])
//   backward   z[r,v] ← sign · weight[r] · ([v = label] − exp(z[r,v] − log Σ))
//
// z: [R, V] f32, its rows `pitch` apart; what lies between V and pitch has no gradient. labels: [R, L]; NONE gives 0 and no gradient. weights: [R], or
// one for all rows if SHARED_WEIGHT. THREADS threads share a row, ROWS rows a workgroup, as in cross_entropy.wgsl.

struct Params { R: u32, V: u32, pitch: u32, sign: f32, L: u32 }

const NONE = 0xffffffffu;
override THREADS: u32 = 64;
override ROWS: u32 = 1;
override SHARED_WEIGHT: bool = false;
const BLOCK = 128u;
const LOWEST = -3.4e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;

var<workgroup> maxima: array<f32, THREADS * ROWS>;
var<workgroup> sums: array<f32, THREADS * ROWS>;

// A maximum and a sum of exponentials below it, of this thread's part of a row.
struct Part { largest: f32, exponentials: f32 }

// All threads of the row merge their parts after one barrier.
fn logSum(part: Part, thread: u32, invocation: u32) -> f32 {
  var top = part.largest;
  var normalizer = part.exponentials;
  if (THREADS > 1u) {
    maxima[invocation] = part.largest;
    sums[invocation] = part.exponentials;
    workgroupBarrier();
    let first = invocation - thread;
    top = LOWEST;
    for (var i = 0u; i < THREADS; i++) { top = max(top, maxima[first + i]); }
    normalizer = 0.0;
    for (var i = 0u; i < THREADS; i++) { normalizer += sums[first + i] * exp(maxima[first + i] - top); }
  }
  return top + log(normalizer);
}

@compute @workgroup_size(THREADS * ROWS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let r = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let inside = r < params.R;
  let base = r * params.pitch;
  // A row without a first label has none.
  var first = NONE;
  if (inside) { first = labels[r * params.L]; }
  var part = Part(LOWEST, 0.0);
  if (first != NONE) {
    for (var block = thread; block < params.V; block += THREADS * BLOCK) {
      let end = min(block + THREADS * BLOCK, params.V);
      var highest = part.largest;
      for (var v = block; v < end; v += THREADS) { highest = max(highest, z[base + v]); }
      var sum = 0.0;
      for (var v = block; v < end; v += THREADS) { sum += exp(z[base + v] - highest); }
      part = Part(highest, part.exponentials * exp(part.largest - highest) + sum);
    }
  }
  let normalizer = logSum(part, thread, invocation);
  if (!inside) { return; }
  for (var i = r * params.L + thread; i < (r + 1u) * params.L; i += THREADS) {
    let label = labels[i];
    var value = 0.0;
    if (label != NONE) { value = z[base + label] - normalizer; }
    y[i] = value;
  }
}

@compute @workgroup_size(THREADS * ROWS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let r = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let inside = r < params.R;
  let base = r * params.pitch;
  var label = NONE;
  if (inside) { label = labels[r]; }
  var part = Part(LOWEST, 0.0);
  if (label != NONE) {
    for (var block = thread; block < params.V; block += THREADS * BLOCK) {
      let end = min(block + THREADS * BLOCK, params.V);
      var highest = part.largest;
      for (var v = block; v < end; v += THREADS) { highest = max(highest, logits[base + v]); }
      var sum = 0.0;
      for (var v = block; v < end; v += THREADS) { sum += exp(logits[base + v] - highest); }
      part = Part(highest, part.exponentials * exp(part.largest - highest) + sum);
    }
  }
  let normalizer = logSum(part, thread, invocation);
  if (!inside) { return; }
  var weight = 0.0;
  if (label != NONE) { weight = params.sign * weights[select(r, 0u, SHARED_WEIGHT)]; }
  for (var v = thread; v < params.pitch; v += THREADS) {
    var d = 0.0;
    if (label != NONE && v < params.V) { d = weight * (select(0.0, 1.0, v == label) - exp(logits[base + v] - normalizer)); }
    logits[base + v] = d;
  }
}
