// The loss of queries against all texts of a batch, and its gradient by their cosines.
//
//   p[i, j] = softmax over candidates j of scores[i, j] / T;  t the text that answers query i
//   sum[LOSS] += Σ −ln p[i, t];  sum[FIRST], [OWN], [OTHER] += queries whose text is nearest, its score, the best score of another
//   dscores[i, j] = scale / T · (p[i, j] − [j = t]), and 0 if i is no query or j no candidate
//
// scores, dscores: [S, S] f32. roles: [S]: t of a query, CANDIDATE for texts that it is compared with, more for padding. A query whose text is the
// only candidate adds 0 to OTHER. One workgroup, so that the order of the sums is fixed.

struct Params { S: u32, scale: f32, temperature: f32 }

const THREADS = 64u;
const CANDIDATE = 0xfffffffeu;
const LOSS = 0u;
const FIRST = 4u;
const OWN = 5u;
const OTHER = 6u;
// Below every cosine.
const NONE = -2.0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> roles: array<u32>;
@group(0) @binding(3) var<storage, read_write> sum: array<f32>;
@group(0) @binding(4) var<storage, read_write> dscores: array<f32>;

// Loss, queries whose text is nearest, its score, the best other one.
var<workgroup> parts: array<vec4f, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let S = params.S;
  var part = vec4f(0.0);
  for (var i = thread; i < S; i += THREADS) {
    let row = i * S;
    let own = roles[i];
    if (own >= CANDIDATE) {
      for (var j = 0u; j < S; j++) { dscores[row + j] = 0.0; }
      continue;
    }
    let score = scores[row + own];
    var other = NONE;
    for (var j = 0u; j < S; j++) {
      if (roles[j] == CANDIDATE && j != own) { other = max(other, scores[row + j]); }
    }
    let best = max(score, other);
    var all = 0.0;
    for (var j = 0u; j < S; j++) {
      if (roles[j] == CANDIDATE) { all += exp((scores[row + j] - best) / params.temperature); }
    }
    part += vec4f(
      log(all) + (best - score) / params.temperature,
      select(0.0, 1.0, score > other),
      score,
      select(other, 0.0, other == NONE),
    );
    let factor = params.scale / params.temperature;
    for (var j = 0u; j < S; j++) {
      var slope = 0.0;
      if (roles[j] == CANDIDATE) {
        slope = exp((scores[row + j] - best) / params.temperature) / all - select(0.0, 1.0, j == own);
      }
      dscores[row + j] = factor * slope;
    }
  }
  parts[thread] = part;
  workgroupBarrier();
  if (thread != 0u) { return; }
  part = vec4f(0.0);
  for (var i = 0u; i < THREADS; i++) { part += parts[i]; }
  sum[LOSS] += part.x;
  sum[FIRST] += part.y;
  sum[OWN] += part.z;
  sum[OTHER] += part.w;
}
