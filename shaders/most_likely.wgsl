// The N most likely tokens by the model's own logits, with their probabilities: shown next to the chosen token. N is
// `candidates` of a sequence's settings; with 0 nothing happens.
//
// z: logits [S, pitch]. parts: a workgroup finds the N best of PART tokens, one after the other, and the sum of exp(z − its best).
// merge: one workgroup for each sequence takes the N best of those and divides. leaders: [S, parts, MOST], a score and the id's bits.
// sums: [S, parts]. picked: [S, RECORD], from FIRST on: the id, then the probability's bits, of each. Its third word gets the chosen
// token's score less the best. Sequences whose draw is negative have ended.

struct Params { V: u32, pitch: u32, parts: u32 }

struct Settings {
  temperature: f32,
  topP: f32,
  minP: f32,
  penalty: f32,
  topK: u32,
  candidates: u32,
  unused: vec2u,
}

override MOST: u32 = 20;
override FIRST: u32 = 3;
override RECORD: u32 = 43;
const PART = 1024u;
const THREADS = 64u;
const NONE = 0xffffffffu;
const LOWEST = -3.4e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<Settings>;
@group(0) @binding(3) var<storage, read> draws: array<f32>;
@group(0) @binding(4) var<storage, read_write> leaders: array<Leader>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;

@group(0) @binding(6) var<storage, read> partLeaders: array<Leader>;
@group(0) @binding(7) var<storage, read> partSums: array<f32>;
@group(0) @binding(8) var<storage, read_write> picked: array<u32>;

struct Leader { score: f32, id: u32 }

var<workgroup> sharedLeaders: array<Leader, THREADS>;
var<workgroup> sharedSums: array<f32, THREADS>;

fn isBefore(a: Leader, b: Leader) -> bool { return a.score > b.score || (a.score == b.score && a.id < b.id); }

// The best of all threads' candidates, in every thread.
fn best(thread: u32, own: Leader) -> Leader {
  workgroupBarrier();
  sharedLeaders[thread] = own;
  workgroupBarrier();
  var first = sharedLeaders[0];
  for (var i = 1u; i < THREADS; i++) {
    if (isBefore(sharedLeaders[i], first)) { first = sharedLeaders[i]; }
  }
  return first;
}

@compute @workgroup_size(THREADS)
fn parts(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.y;
  let count = min(settings[row].candidates, MOST);
  if (params.V == 0u || count == 0u || draws[row] < 0.0) { return; }
  let part = row * params.parts + group.x;
  let start = group.x * PART + thread;
  let end = min(group.x * PART + PART, params.V);
  var last = Leader(0.0, NONE);
  for (var n = 0u; n < count; n++) {
    var own = Leader(LOWEST, NONE);
    for (var v = start; v < end; v += THREADS) {
      let next = Leader(z[row * params.pitch + v], v);
      if (n > 0u && !isBefore(last, next)) { continue; }
      if (isBefore(next, own)) { own = next; }
    }
    last = best(thread, own);
    if (thread == 0u) { leaders[part * MOST + n] = last; }
    if (n > 0u) { continue; }
    var sum = 0.0;
    for (var v = start; v < end; v += THREADS) { sum += exp(z[row * params.pitch + v] - last.score); }
    sharedSums[thread] = sum;
  }
  workgroupBarrier();
  if (thread > 0u) { return; }
  var sum = 0.0;
  for (var i = 0u; i < THREADS; i++) { sum += sharedSums[i]; }
  sums[part] = sum;
}

@compute @workgroup_size(THREADS)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let count = min(settings[row].candidates, MOST);
  if (params.V == 0u || count == 0u || draws[row] < 0.0) { return; }
  let first = row * params.parts;
  var last = Leader(0.0, NONE);
  var top = 0.0;
  var sum = 0.0;
  for (var n = 0u; n < count; n++) {
    var own = Leader(LOWEST, NONE);
    for (var i = thread; i < params.parts * count; i += THREADS) {
      let next = partLeaders[(first + i / count) * MOST + i % count];
      if (n > 0u && !isBefore(last, next)) { continue; }
      if (isBefore(next, own)) { own = next; }
    }
    last = best(thread, own);
    if (n == 0u) {
      top = last.score;
      for (var i = 0u; i < params.parts; i++) { sum += partSums[first + i] * exp(partLeaders[(first + i) * MOST].score - top); }
    }
    if (thread == 0u) {
      picked[row * RECORD + FIRST + 2u * n] = last.id;
      picked[row * RECORD + FIRST + 2u * n + 1u] = bitcast<u32>(exp(last.score - top) / sum);
    }
  }
  let chosen = picked[row * RECORD];
  if (thread == 0u && chosen < params.V) { picked[row * RECORD + 2u] = bitcast<u32>(z[row * params.pitch + chosen] - top); }
}
