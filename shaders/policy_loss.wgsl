// The clipped surrogate over the tokens of sampled sequences, with one advantage A and one weight w for each sequence.
//
//   ρ = exp(log p − old),  d = reference − log p,  k = eᵈ − d − 1, times ρ if CORRECT is not 0
//   sum[LOSS] += Σ w (−min(ρA, clip(ρ, 1 − ε, 1 + ε_high) A) + β k)
//   sum[TOKENS], [LOW], [HIGH], [KL], [SURPRISE] += tokens, those clipped below and above, Σ k, Σ −log p
//   dlogps[r] = scale · the gradient of the summed loss
//
// logps, old, reference, dlogps: [R] f32; old above 0 says that this policy made the sample just now: ρ = 1. ranges: [S], rows of each sequence.
// advantages, weights: [S] f32; a sequence of weight 0 gets no gradient and is in no sum. One workgroup, so that the order of the sums is fixed.

struct Params { S: u32, scale: f32, low: f32, high: f32, beta: f32, correct: u32 }

const THREADS = 64u;
const LOSS = 0u;
const TOKENS = 4u;
const LOW = 5u;
const HIGH = 6u;
const KL = 7u;
const SURPRISE = 8u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logps: array<f32>;
@group(0) @binding(2) var<storage, read> old: array<f32>;
@group(0) @binding(3) var<storage, read> reference: array<f32>;
@group(0) @binding(4) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(5) var<storage, read> advantages: array<f32>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
@group(0) @binding(7) var<storage, read_write> sum: array<f32>;
@group(0) @binding(8) var<storage, read_write> dlogps: array<f32>;

// Loss, tokens clipped below and above, divergence; and separately Σ −log p.
var<workgroup> parts: array<vec4f, THREADS>;
var<workgroup> surprises: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var part = vec4f(0.0);
  var surprise = 0.0;
  var tokens = 0u;
  for (var s = 0u; s < params.S; s++) {
    let range = ranges[s];
    let a = advantages[s];
    let weight = weights[s];
    if (weight != 0.0) { tokens += range.y - range.x; }
    for (var r = range.x + thread; r < range.y; r += THREADS) {
      if (weight == 0.0) {
        dlogps[r] = 0.0;
        continue;
      }
      let logp = logps[r];
      var ratio = 1.0;
      if (old[r] <= 0.0) { ratio = exp(logp - old[r]); }
      let clipped = clamp(ratio, 1.0 - params.low, 1.0 + params.high);
      var loss = -min(ratio * a, clipped * a);
      var slope = select(0.0, -ratio * a, ratio * a <= clipped * a);
      var kl = 0.0;
      if (params.beta > 0.0) {
        let d = reference[r] - logp;
        kl = exp(d) - d - 1.0;
        var dkl = 1.0 - exp(d);
        if (params.correct != 0u) {
          kl *= ratio;
          dkl = -ratio * d;
        }
        loss += params.beta * kl;
        slope += params.beta * dkl;
      }
      let below = select(0.0, 1.0, ratio < 1.0 - params.low && a < 0.0);
      let above = select(0.0, 1.0, ratio > 1.0 + params.high && a > 0.0);
      part += vec4f(weight * loss, below, above, kl);
      surprise -= logp;
      dlogps[r] = params.scale * weight * slope;
    }
  }
  parts[thread] = part;
  surprises[thread] = surprise;
  workgroupBarrier();
  if (thread != 0u) { return; }
  var all = vec4f(0.0);
  var surprised = 0.0;
  for (var i = 0u; i < THREADS; i++) {
    all += parts[i];
    surprised += surprises[i];
  }
  sum[LOSS] += all.x;
  sum[TOKENS] += f32(tokens);
  sum[LOW] += all.y;
  sum[HIGH] += all.z;
  sum[KL] += all.w;
  sum[SURPRISE] += surprised;
}
