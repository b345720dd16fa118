// Cross-entropy of rows of logits against labels, and its gradient in place of the logits.
//
//   rows    l[r] = log Σ_v exp(z[r,v]) − z[r, label]        GRADIENT: z[r,v] ← exp(z[r,v] − log Σ) − [v = label]
//   right   l[r] = [no logit of the row is above that of its label, and none before it is equal], from logits without a gradient
//   total   sum[0] += Σ_r l[r], or without ACCUMULATE: sum[0] = Σ_r l[r]
//
// z: [R, V] f32, its rows `pitch` apart; what lies between V and pitch has no gradient. labels: [R]; NONE is not supervised: no loss, no
// gradient. Gradients are of the sum, not of the mean: the step's number of supervised tokens divides once, in the optimiser, which also
// keeps half-precision gradients large enough.
// rows: THREADS threads share a row, ROWS rows a workgroup (see rms_norm.wgsl); each thread keeps a running maximum and sum over its
// strided part (online softmax), and all threads merge the parts after one barrier. total: one workgroup, so that the order of the sum
// is fixed.

struct Params { R: u32, V: u32, pitch: u32 }

override GRADIENT: bool = false;
override ACCUMULATE: bool = true;
const NONE = 0xffffffffu;
override THREADS: u32 = 64;
override ROWS: u32 = 1;
const SUM_THREADS = 64u;
const BLOCK = 128u;
const LOWEST = -3.4e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> z: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;

@group(0) @binding(4) var<storage, read> parts: array<f32>;
@group(0) @binding(5) var<storage, read_write> sum: array<f32>;

var<workgroup> maxima: array<f32, THREADS * ROWS>;
var<workgroup> sums: array<f32, THREADS * ROWS>;
var<workgroup> totals: array<f32, SUM_THREADS>;

@compute @workgroup_size(THREADS * ROWS)
fn rows(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let r = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let inside = r < params.R;
  let base = r * params.pitch;
  var label = NONE;
  if (inside) { label = labels[r]; }
  var largest = LOWEST;
  var exponentials = 0.0;
  if (label != NONE) {
    // In blocks: the maximum changes once for each, and sums of few numbers round less than a sum over a whole vocabulary.
    for (var block = thread; block < params.V; block += THREADS * BLOCK) {
      let end = min(block + THREADS * BLOCK, params.V);
      var highest = largest;
      for (var v = block; v < end; v += THREADS) { highest = max(highest, z[base + v]); }
      var part = 0.0;
      // A NaN reaches the sum, and through it the loss.
      for (var v = block; v < end; v += THREADS) { part += exp(z[base + v] - highest); }
      exponentials = exponentials * exp(largest - highest) + part;
      largest = highest;
    }
  }
  var top = largest;
  var normalizer = exponentials;
  if (THREADS > 1u) {
    maxima[invocation] = largest;
    sums[invocation] = exponentials;
    workgroupBarrier();
    let first = invocation - thread;
    top = LOWEST;
    for (var i = 0u; i < THREADS; i++) { top = max(top, maxima[first + i]); }
    normalizer = 0.0;
    for (var i = 0u; i < THREADS; i++) { normalizer += sums[first + i] * exp(maxima[first + i] - top); }
  }
  let logSum = top + log(normalizer);

  if (thread == 0u && inside) {
    var loss = 0.0;
    if (label != NONE) { loss = logSum - z[base + label]; }
    losses[r] = loss;
  }
  if (!GRADIENT) { return; }
  if (THREADS > 1u) {
    // Thread 0 has read z[label] before another thread replaces it.
    storageBarrier();
    workgroupBarrier();
  }
  if (!inside) { return; }
  for (var v = thread; v < params.pitch; v += THREADS) {
    var d = 0.0;
    if (label != NONE && v < params.V) {
      d = exp(z[base + v] - logSum);
      if (v == label) { d -= 1.0; }
    }
    z[base + v] = d;
  }
}

@compute @workgroup_size(THREADS * ROWS)
fn right(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let r = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  let inside = r < params.R;
  let base = r * params.pitch;
  var label = NONE;
  if (inside) { label = labels[r]; }
  var ahead = 0.0;
  if (label != NONE) {
    let score = z[base + label];
    for (var v = thread; v < params.V; v += THREADS) {
      let other = z[base + v];
      if (other > score || (other == score && v < label)) { ahead = 1.0; }
    }
  }
  if (THREADS > 1u) {
    sums[invocation] = ahead;
    workgroupBarrier();
    let first = invocation - thread;
    for (var i = 0u; i < THREADS; i++) { ahead = max(ahead, sums[first + i]); }
  }
  if (thread == 0u && inside) { losses[r] = select(0.0, 1.0 - ahead, label != NONE); }
}

@compute @workgroup_size(SUM_THREADS)
fn total(@builtin(local_invocation_index) thread: u32) {
  var part = 0.0;
  for (var r = thread; r < params.R; r += SUM_THREADS) { part += parts[r]; }
  totals[thread] = part;
  workgroupBarrier();
  if (thread != 0u) { return; }
  var all = 0.0;
  for (var i = 0u; i < SUM_THREADS; i++) { all += totals[i]; }
  if (ACCUMULATE) { sum[0] += all; } else { sum[0] = all; }
}
