// Attention of a few queries over long caches, for generation: the mathematics and the tensors of attention.wgsl, without a backward.
//
// One workgroup per query and head. For each block of THREADS keys, a thread first computes one key's score, then four of the D numbers of the sum
// over every GROUPS-th key, so that neighbours read neighbouring numbers of v. The groups' sums are added at the end.

struct Params { M: u32, N: u32, H: u32, KV: u32, window: u32, scale: f32 }

override D: u32 = 64;
override D4: u32 = D / 4;
override THREADS: u32 = 64;
override GROUPS: u32 = THREADS / D4;

alias Quad = vec4<Elem>;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<Quad>;
@group(0) @binding(2) var<storage, read> k: array<Quad>;
@group(0) @binding(3) var<storage, read> v: array<Quad>;
@group(0) @binding(4) var<storage, read> keyRanges: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> o: array<Quad>;

const LOG2_E = 1.4426950408889634;
const MASKED = -1e30;
const NO_TOP = -1e29;

var<workgroup> query: array<vec4f, D4>;
var<workgroup> scores: array<f32, THREADS>;
var<workgroup> sums: array<vec4f, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= params.M * params.H) { return; }
  let h = row % params.H;
  let range = keyRanges[row / params.H];
  let end = min(range.y, params.N);
  var start = range.x;
  if (params.window > 0u) { start = max(start, max(range.y, params.window) - params.window); }
  let columns = params.KV * D4;
  let head = h * params.KV / params.H * D4;
  let quad = thread % D4;
  let part = thread / D4;

  for (var c = thread; c < D4; c += THREADS) { query[c] = vec4f(q[row * D4 + c]) * (params.scale * LOG2_E); }
  var sum = vec4f();
  var top = NO_TOP;
  var total = 0.0;
  for (var first = start; first < end; first += THREADS) {
    workgroupBarrier();
    var s = MASKED;
    if (first + thread < end) {
      let at = (first + thread) * columns + head;
      s = 0;
      for (var c = 0u; c < D4; c++) { s += dot(query[c], vec4f(k[at + c])); }
    }
    scores[thread] = s;
    workgroupBarrier();
    var higher = top;
    for (var i = 0u; i < THREADS; i++) { higher = max(higher, scores[i]); }
    let fade = exp2(top - higher);
    top = higher;
    s = exp2(s - higher);
    total = total * fade + s;
    workgroupBarrier();
    scores[thread] = s;
    workgroupBarrier();
    sum *= fade;
    if (part < GROUPS) {
      let count = min(THREADS, end - first);
      for (var i = part; i < count; i += GROUPS) { sum += scores[i] * vec4f(v[(first + i) * columns + head + quad]); }
    }
  }

  workgroupBarrier();
  scores[thread] = total;
  sums[thread] = sum;
  workgroupBarrier();
  if (thread >= D4) { return; }
  total = 0;
  for (var i = 0u; i < THREADS; i++) { total += scores[i]; }
  for (var i = 1u; i < GROUPS; i++) { sum += sums[i * D4 + thread]; }
  o[row * D4 + thread] = Quad(sum * select(1 / total, 0, total == 0));
}
