// The next token of each sequence, chosen from its logits as transformers' generate does: repetition penalty, temperature, top-k, top-p,
// min-p, then one draw. No sort: tokens have an order, most likely first and of equals the first id first, and each of the three choices
// is the first token in that order at which a running total passes a goal:
//
//   top-k    the count passes k − 1              top-p    the mass passes p · (mass of what top-k left)
//   draw     the mass passes u · (mass of what is left)            mass of a token: exp((score − best score) / temperature)
//
// Such a token is found by a radix search of the scores' bits, eight bins at a time: every thread sums its part of the vocabulary into
// bins in registers, the workgroup adds them up in a fixed order, and the bin in which the goal is passed becomes the next prefix.
//
// settings: those of each sequence. z: logits [S, pitch], as bits. seen: [S, words], a bit for each token that occurred. draws: [S] in [0, 1), negative for a sequence
// that has ended, which is left alone. ids: [S], the chosen token, where the next replay's embedding reads it. picked: [S, RECORD], what
// the host reads: the token, or NONE if the best score is no finite number; then the bits of the best score.
//
// parts: a workgroup finds the best token of PART. pick: one workgroup for each sequence.

// `digits` of DIGIT_BITS make a key. It is a number, and the three searches are one loop, because drivers that unroll and inline took eight
// seconds to compile them otherwise (lavapipe).
struct Params { V: u32, pitch: u32, words: u32, parts: u32, digits: u32 }

struct Settings {
  temperature: f32,
  topP: f32,
  minP: f32,
  penalty: f32,
  topK: u32,
  candidates: u32,
  unused: vec2u,
}

override THREADS: u32 = 256;
override RECORD: u32 = 2;
const NONE = 0xffffffffu;
const INFINITY = 0x7f800000u;
const SIGN = 0x80000000u;
const PART = 1024u;
const PART_THREADS = 64u;
const DIGIT_BITS = 3u;
// Sums of threads that one thread adds up, before every thread adds up those.
const SEGMENTS = 16u;
// exp of this is 0.
const LOWEST = -200.0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<u32>;
@group(0) @binding(2) var<storage, read> settings: array<Settings>;
@group(0) @binding(3) var<storage, read> draws: array<f32>;
@group(0) @binding(4) var<storage, read_write> seen: array<u32>;
@group(0) @binding(5) var<storage, read_write> best: array<vec2u>;

@group(0) @binding(6) var<storage, read> firsts: array<vec2u>;
@group(0) @binding(7) var<storage, read_write> ids: array<u32>;
@group(0) @binding(8) var<storage, read_write> picked: array<u32>;

// A place in the order: the key of a score, then the id. Keys rise as scores fall, and NaN is before everything.
fn keyOf(bits: u32) -> u32 {
  if ((bits & ~SIGN) > INFINITY) { return 0u; }
  return select(~(bits | SIGN), bits, (bits & SIGN) != 0u);
}

fn bitsOf(key: u32) -> u32 { return select(~(key | SIGN), key, (key & SIGN) != 0u); }

fn earlier(a: vec2u, b: vec2u) -> vec2u { return select(b, a, a.x < b.x || (a.x == b.x && a.y <= b.y)); }

// The key of a token's score, after the penalty.
fn keyAt(row: u32, v: u32) -> u32 {
  var bits = z[row * params.pitch + v];
  let penalty = settings[row].penalty;
  if (penalty != 1.0 && (bits & INFINITY) != INFINITY && ((seen[row * params.words + v / 32u] >> (v % 32u)) & 1u) == 1u) {
    let score = bitcast<f32>(bits);
    bits = bitcast<u32>(select(score * penalty, score / penalty, score > 0.0));
  }
  // −0 equals 0.
  return keyOf(select(bits, 0u, bits == SIGN));
}

var<workgroup> partFirsts: array<vec2u, PART_THREADS>;

@compute @workgroup_size(PART_THREADS)
fn parts(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.y;
  let start = group.x * PART;
  var first = vec2u(NONE);
  if (params.V > 0u && draws[row] >= 0.0) {
    for (var v = start + thread; v < min(start + PART, params.V); v += PART_THREADS) { first = earlier(first, vec2u(keyAt(row, v), v)); }
  }
  partFirsts[thread] = first;
  workgroupBarrier();
  if (thread > 0u || params.V == 0u) { return; }
  for (var i = 1u; i < PART_THREADS; i++) { first = earlier(first, partFirsts[i]); }
  best[row * params.parts + group.x] = first;
}

var<workgroup> lowBins: array<vec4f, THREADS>;
var<workgroup> highBins: array<vec4f, THREADS>;
var<workgroup> lowSegments: array<vec4f, SEGMENTS>;
var<workgroup> highSegments: array<vec4f, SEGMENTS>;
var<workgroup> counts: array<u32, THREADS>;
var<workgroup> found: u32;

// What the running total adds up: ones, or the masses of tokens that have at least `least`.
struct Total { byCount: bool, top: f32, least: f32, temperature: f32 }

fn massOf(key: u32, total: Total) -> f32 {
  if (total.byCount) { return 1.0; }
  let bits = bitsOf(key);
  if (bits == (INFINITY | SIGN)) { return 0.0; }
  let mass = exp(max((bitcast<f32>(bits) - total.top) / total.temperature, LOWEST));
  return select(0.0, mass, mass >= total.least);
}

// The first token, of those up to `limit`, at which the total passes `goal`: a number, or a share of the whole total if `isShare`.
fn search(row: u32, thread: u32, limit: vec2u, total: Total, goal: f32, isShare: bool) -> vec2u {
  var prefix = 0u;
  var rest = goal;
  for (var digit = 0u; digit < params.digits; digit++) {
    let shift = (params.digits - 1u - digit) * DIGIT_BITS;
    var low = vec4f();
    var high = vec4f();
    for (var v = thread; v < params.V; v += THREADS) {
      let key = keyAt(row, v);
      // The first digit has only two bits: there is nothing above it.
      if (digit > 0u && ((key >> shift) >> DIGIT_BITS) != prefix) { continue; }
      if (key > limit.x || (key == limit.x && v > limit.y)) { continue; }
      let mass = massOf(key, total);
      let bin = (key >> shift) & 7u;
      low += select(vec4f(), vec4f(mass), vec4u(0, 1, 2, 3) == vec4u(bin));
      high += select(vec4f(), vec4f(mass), vec4u(4, 5, 6, 7) == vec4u(bin));
    }
    lowBins[thread] = low;
    highBins[thread] = high;
    workgroupBarrier();
    if (thread < SEGMENTS) {
      for (var i = thread + SEGMENTS; i < THREADS; i += SEGMENTS) {
        low += lowBins[i];
        high += highBins[i];
      }
      lowSegments[thread] = low;
      highSegments[thread] = high;
    }
    workgroupBarrier();
    low = vec4f();
    high = vec4f();
    for (var i = 0u; i < SEGMENTS; i++) {
      low += lowSegments[i];
      high += highSegments[i];
    }
    var bins = array<f32, 8>(low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w);
    if (digit == 0u && isShare) {
      let sums = low + high;
      rest = goal * (sums.x + sums.y + sums.z + sums.w);
    }
    // Sums round: if no bin passes the goal, take the last that is not empty.
    var chosen = 0u;
    var before = 0.0;
    var sum = 0.0;
    for (var bin = 0u; bin < 8u; bin++) {
      if (bins[bin] == 0.0) { continue; }
      chosen = bin;
      before = sum;
      sum += bins[bin];
      if (sum > rest) { break; }
    }
    rest -= before;
    prefix = (prefix << DIGIT_BITS) | chosen;
  }

  // Tokens with exactly this score have equal masses: `skip` of them come before the wanted one. Each thread counts a range of ids.
  let skip = u32(clamp(rest / max(massOf(prefix, total), 1e-37), 0.0, 1e9));
  let share = (params.V + THREADS - 1u) / THREADS;
  let start = thread * share;
  let end = min(start + share, params.V);
  var count = 0u;
  for (var v = start; v < end; v++) { count += u32(keyAt(row, v) == prefix); }
  counts[thread] = count;
  workgroupBarrier();
  var position = 0u;
  var all = 0u;
  for (var i = 0u; i < THREADS; i++) {
    if (i < thread) { position += counts[i]; }
    all += counts[i];
  }
  let wanted = min(skip, max(all, 1u) - 1u);
  if (position <= wanted && wanted < position + count) {
    for (var v = start; v < end; v++) {
      if (keyAt(row, v) != prefix) { continue; }
      if (position == wanted) { found = v; }
      position++;
    }
  }
  return vec2u(prefix, workgroupUniformLoad(&found));
}

@compute @workgroup_size(THREADS)
fn pick(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let draw = draws[row];
  if (params.V == 0u || draw < 0.0) { return; }
  var first = vec2u(NONE);
  for (var i = 0u; i < params.parts; i++) { first = earlier(first, firsts[row * params.parts + i]); }

  var chosen = first;
  let own = settings[row];
  if (own.temperature > 0.0) {
    let top = bitcast<f32>(bitsOf(first.x));
    // Top-k, top-p, the draw.
    var limit = vec2u(NONE);
    for (var stage = 0u; stage < 3u; stage++) {
      if (stage == 0u && (own.topK == 0u || own.topK >= params.V)) { continue; }
      if (stage == 1u && own.topP >= 1.0) { continue; }
      let total = Total(stage == 0u, top, select(0.0, own.minP, stage == 2u), own.temperature);
      let goal = select(select(draw, own.topP, stage == 1u), f32(own.topK) - 1.0, stage == 0u);
      limit = search(row, thread, limit, total, goal, stage > 0u);
    }
    chosen = limit;
  }
  // No thread may read a mark of `seen` that is made here.
  workgroupBarrier();
  if (thread > 0u) { return; }
  let id = min(chosen.y, params.V - 1u);
  let finite = first.x != 0u && (bitsOf(first.x) & INFINITY) != INFINITY;
  ids[row] = id;
  seen[row * params.words + id / 32u] |= 1u << (id % 32u);
  picked[row * RECORD] = select(NONE, id, finite);
  picked[row * RECORD + 1u] = bitsOf(first.x);
}
