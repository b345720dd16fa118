// The router of a mixture of experts.
//
//   forward    chosen[m, :] the k largest of logits[m, :], the lower index first where two are equal; weights[m, j] = p[chosen[m, j]]
//   backward   dlogits[m, e] (+)= p[e] · ([e is chosen] · dweights[m, j] − Σ_i p[chosen[m, i]] · dweights[m, i])
//
// p = softmax of the row, or with NORMALISED of its chosen logits, and zero elsewhere. logits [M, E]; weights, chosen [M, k]. One thread a token.

struct Params { M: u32, E: u32, kept: u32 }

override NORMALISED: bool = false;
override ACCUMULATE: bool = false;
const NONE = 0xffffffffu;
const HIGHEST = 3.4e38;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<Elem>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> chosen: array<u32>;

@group(0) @binding(4) var<storage, read> keptWeights: array<f32>;
@group(0) @binding(5) var<storage, read> keptExperts: array<u32>;
@group(0) @binding(6) var<storage, read> dweights: array<f32>;
@group(0) @binding(7) var<storage, read_write> dlogits: array<Elem>;

fn logit(m: u32, e: u32) -> f32 { return f32(logits[m * params.E + e]); }

// Σ exp(z − top) over all experts of a token.
fn sumOf(m: u32, top: f32) -> f32 {
  var sum = 0.0;
  for (var e = 0u; e < params.E; e++) { sum += exp(logit(m, e) - top); }
  return sum;
}

@compute @workgroup_size(THREADS)
fn forward(@builtin(global_invocation_id) at: vec3u) {
  let m = at.x;
  if (m >= params.M) { return; }
  let first = m * params.kept;
  var top = 0.0;
  var sum = 0.0;
  var last = HIGHEST;
  var lastIndex = NONE;
  for (var j = 0u; j < params.kept; j++) {
    var best = 0.0;
    var index = NONE;
    for (var e = 0u; e < params.E; e++) {
      let z = logit(m, e);
      let isLeft = lastIndex == NONE || z < last || (z == last && e > lastIndex);
      if (isLeft && z == z && (index == NONE || z > best)) {
        best = z;
        index = e;
      }
    }
    // A row with NaN may have nothing left to choose: any expert will do.
    if (index == NONE) { index = j; }
    chosen[first + j] = index;
    last = logit(m, index);
    lastIndex = index;
    if (j == 0u) { top = last; }
    sum += exp(last - top);
  }
  if (!NORMALISED) { sum = sumOf(m, top); }
  for (var j = 0u; j < params.kept; j++) { weights[first + j] = exp(logit(m, chosen[first + j]) - top) / sum; }
}

@compute @workgroup_size(THREADS)
fn backward(@builtin(global_invocation_id) at: vec3u) {
  let m = at.x;
  if (m >= params.M) { return; }
  let first = m * params.kept;
  var among = 0.0;
  for (var j = 0u; j < params.kept; j++) { among += keptWeights[first + j] * dweights[first + j]; }
  let top = logit(m, keptExperts[first]);
  var sum = 1.0;
  if (!NORMALISED) { sum = sumOf(m, top); }
  for (var e = 0u; e < params.E; e++) {
    var d = 0.0;
    if (!NORMALISED) { d = -among * exp(logit(m, e) - top) / sum; }
    for (var j = 0u; j < params.kept; j++) {
      if (keptExperts[first + j] == e) {
        d += keptWeights[first + j] * (dweights[first + j] - select(0.0, among, NORMALISED));
      }
    }
    let i = m * params.E + e;
    if (ACCUMULATE) { d += f32(dlogits[i]); }
    dlogits[i] = Elem(d);
  }
}
