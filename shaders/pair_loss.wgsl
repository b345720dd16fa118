// A loss over pairs of answers, computed from their log-probabilities. An objective's own file has `pairLoss`, which computes loss and gradients of
// one pair.
//
//   sum[LOSS] += Σ loss;  sum[OWN + k] += Σ sums[k], four numbers that the objective reports
//   dlogps[2i], dlogps[2i + 1] = scale · gradients of the summed loss
//
// logps, reference, values, dlogps: [2P] f32, chosen and rejected in turn. ranges: [2P], rows of each answer: their number is its length. A pair
// without rows is padding. One workgroup, so that the order of the sums is fixed.

struct Params { pairs: u32, scale: f32, a: f32, b: f32, c: f32, d: f32 }

// An answer: Σ log p of its tokens by the policy and by the reference, how many tokens there are, and the number that its row brings.
struct Answer { logp: f32, reference: f32, tokens: f32, value: f32 }
// The micro-batch: its pairs, the tokens of all chosen answers, and Σ log-ratio of policy and reference over the second answers.
struct Batch { pairs: f32, chosenTokens: f32, rejectedRatio: f32 }
// The loss of a pair, its gradients by the log-probabilities, and what is added to the reported sums.
struct PairLoss { loss: f32, dChosen: f32, dRejected: f32, sums: vec4f }

const THREADS = 64u;
const LOSS = 0u;
const OWN = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logps: array<f32>;
@group(0) @binding(2) var<storage, read> reference: array<f32>;
@group(0) @binding(3) var<storage, read> values: array<f32>;
@group(0) @binding(4) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> sum: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlogps: array<f32>;

var<workgroup> losses: array<f32, THREADS>;
var<workgroup> parts: array<vec4f, THREADS>;

// log(1 + eˣ), without overflow: −ln σ(−x).
fn softplus(x: f32) -> f32 { return max(x, 0.0) + log(1.0 + exp(-abs(x))); }
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }

// 1 − eᵃ for a < 0: near 0 by its series, and never 0, if an answer is certain.
fn oneMinusExp(a: f32) -> f32 {
  let series = -a * (1.0 + a * (0.5 + a * (1.0 / 6.0 + a / 24.0)));
  return max(select(1.0 - exp(a), series, a > -0.05), 1e-7);
}

// The reports of a pair: whether the chosen reward is larger, and both rewards; the last one is the objective's own.
fn rewardSums(chosen: f32, rejected: f32, last: f32) -> vec4f {
  return vec4f(select(0.0, 1.0, chosen > rejected), chosen, rejected, last);
}

// ½ (log-ratio of policy and reference)², the mean of both answers: their KL divergence to second order.
fn driftOf(chosen: Answer, rejected: Answer) -> f32 {
  let c = chosen.logp - chosen.reference;
  let r = rejected.logp - rejected.reference;
  return 0.25 * (c * c + r * r);
}

fn tokensOf(sequence: u32) -> u32 { return ranges[sequence].y - ranges[sequence].x; }

fn answerOf(sequence: u32) -> Answer {
  return Answer(logps[sequence], reference[sequence], f32(tokensOf(sequence)), values[sequence]);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var batch = Batch(0.0, 0.0, 0.0);
  for (var i = 0u; i < params.pairs; i++) {
    let tokens = tokensOf(2u * i);
    if (tokens > 0u) {
      batch.pairs += 1.0;
      batch.chosenTokens += f32(tokens);
      batch.rejectedRatio += logps[2u * i + 1u] - reference[2u * i + 1u];
    }
  }
  var loss = 0.0;
  var part = vec4f(0.0);
  for (var i = thread; i < params.pairs; i += THREADS) {
    var outcome = PairLoss(0.0, 0.0, 0.0, vec4f(0.0));
    if (tokensOf(2u * i) > 0u) {
      outcome = pairLoss(answerOf(2u * i), answerOf(2u * i + 1u), batch);
      loss += outcome.loss;
      part += outcome.sums;
    }
    dlogps[2u * i] = params.scale * outcome.dChosen;
    dlogps[2u * i + 1u] = params.scale * outcome.dRejected;
  }
  losses[thread] = loss;
  parts[thread] = part;
  workgroupBarrier();
  if (thread != 0u) { return; }
  loss = 0.0;
  part = vec4f(0.0);
  for (var i = 0u; i < THREADS; i++) {
    loss += losses[i];
    part += parts[i];
  }
  sum[LOSS] += loss;
  for (var k = 0u; k < 4u; k++) { sum[OWN + k] += part[k]; }
}
