// A loss over pairs of answers, of their log-probabilities. An objective's own file brings `pairLoss`, which makes loss and gradients of one pair.
//
//   sum[LOSS] += Σ loss;  sum[RIGHT] += pairs whose chosen reward is the larger;  sum[CHOSEN], sum[REJECTED] += Σ rewards
//   dlogps[2i], dlogps[2i + 1] = scale · gradients of the summed loss
//
// logps, reference, dlogps: [2P] f32, chosen and rejected in turn. ranges: [2P], rows of each answer: their number is its length. A pair without
// rows is padding. One workgroup, so that the order of the sums is fixed.

struct Params { pairs: u32, scale: f32, a: f32, b: f32, c: f32, d: f32 }

// An answer: Σ log p of its tokens by the policy and by the reference, and how many tokens there are.
struct Answer { logp: f32, reference: f32, tokens: f32 }
// The micro-batch: its pairs, and the tokens of all chosen answers.
struct Batch { pairs: f32, chosenTokens: f32 }
// The loss of a pair, its gradients by the log-probabilities, and what the answers are worth by this policy.
struct PairLoss { loss: f32, dChosen: f32, dRejected: f32, chosenReward: f32, rejectedReward: f32 }

const THREADS = 64u;
const LOSS = 0u;
const RIGHT = 4u;
const CHOSEN = 5u;
const REJECTED = 6u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logps: array<f32>;
@group(0) @binding(2) var<storage, read> reference: array<f32>;
@group(0) @binding(3) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> sum: array<f32>;
@group(0) @binding(5) var<storage, read_write> dlogps: array<f32>;

var<workgroup> parts: array<vec4f, THREADS>;

// log(1 + eˣ), without overflow: −ln σ(−x).
fn softplus(x: f32) -> f32 { return max(x, 0.0) + log(1.0 + exp(-abs(x))); }
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }

fn tokensOf(sequence: u32) -> u32 { return ranges[sequence].y - ranges[sequence].x; }

fn answerOf(sequence: u32) -> Answer {
  return Answer(logps[sequence], reference[sequence], f32(tokensOf(sequence)));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var batch = Batch(0.0, 0.0);
  for (var i = 0u; i < params.pairs; i++) {
    let tokens = tokensOf(2u * i);
    if (tokens > 0u) {
      batch.pairs += 1.0;
      batch.chosenTokens += f32(tokens);
    }
  }
  var part = vec4f(0.0);
  for (var i = thread; i < params.pairs; i += THREADS) {
    var outcome = PairLoss(0.0, 0.0, 0.0, 0.0, 0.0);
    if (tokensOf(2u * i) > 0u) {
      outcome = pairLoss(answerOf(2u * i), answerOf(2u * i + 1u), batch);
      let right = select(0.0, 1.0, outcome.chosenReward > outcome.rejectedReward);
      part += vec4f(outcome.loss, right, outcome.chosenReward, outcome.rejectedReward);
    }
    dlogps[2u * i] = params.scale * outcome.dChosen;
    dlogps[2u * i + 1u] = params.scale * outcome.dRejected;
  }
  parts[thread] = part;
  workgroupBarrier();
  if (thread != 0u) { return; }
  var all = vec4f(0.0);
  for (var i = 0u; i < THREADS; i++) { all += parts[i]; }
  sum[LOSS] += all.x;
  sum[RIGHT] += all.y;
  sum[CHOSEN] += all.z;
  sum[REJECTED] += all.w;
}
