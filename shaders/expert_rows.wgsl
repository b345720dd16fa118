// Sorts the choices of all tokens by expert, in their order within an expert.
//
//   offsets[e]   choices of experts below e            rows[s]   the choice of row s            places[rows[s]] = s
//
// chosen: [P]. A workgroup is an expert, and each of its threads has a stretch of the choices: it counts those of experts below and those of its own, and
// after a barrier it knows where its own find their rows.

struct Params { P: u32, E: u32 }

const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read_write> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> rows: array<u32>;
@group(0) @binding(4) var<storage, read_write> places: array<u32>;

var<workgroup> below: array<u32, THREADS>;
var<workgroup> own: array<u32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let expert = group.x;
  let stretch = (params.P + THREADS - 1u) / THREADS;
  let start = min(thread * stretch, params.P);
  let end = min(start + stretch, params.P);
  var fewer = 0u;
  var equal = 0u;
  for (var i = start; i < end; i++) {
    let e = chosen[i];
    fewer += u32(e < expert);
    equal += u32(e == expert);
  }
  below[thread] = fewer;
  own[thread] = equal;
  workgroupBarrier();
  var row = 0u;
  for (var i = 0u; i < THREADS; i++) { row += below[i]; }
  if (thread == 0u) {
    offsets[expert] = row;
    if (expert + 1u == params.E) { offsets[params.E] = params.P; }
  }
  for (var i = 0u; i < thread; i++) { row += own[i]; }
  for (var i = start; i < end; i++) {
    if (chosen[i] != expert) { continue; }
    rows[row] = i;
    places[i] = row;
    row++;
  }
}
