// Embedding: x[m, :] = SCALE · w[ids[m], :].
//
//   backward   dw[ids[m], :] += SCALE · Σ over all m with this id of dx[m, :]
//
// A table in shards takes a dispatch for each: this one has the rows first … first + V, and skips all other ids.
//
// ids: [M]. x: [M, C]. w: [V, C], which is B of weight_scalars.wgsl or weight_blocks.wgsl. There are no f32 atomics, so the host links the
// occurrences of each id: chain[m] = (1 if m is the first with its id, the next m with the same id or NONE). One thread per column of a first
// occurrence walks the chain, which also fixes the order of the sum.

struct Params { M: u32, C: u32, V: u32, first: u32 }

override SCALE: f32 = 1;
const NONE = 0xffffffffu;
// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<Elem>;

@group(0) @binding(4) var<storage, read> chain: array<vec2u>;
@group(0) @binding(5) var<storage, read> dx: array<Elem>;
@group(0) @binding(6) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.M * params.C); i += THREADS) {
    let row = ids[i / params.C] - params.first;
    if (row >= params.V) { continue; }
    x[i] = Elem(SCALE * valueOfB(row * params.C + i % params.C, params.V * params.C));
  }
}

@compute @workgroup_size(THREADS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.M * params.C); i += THREADS) {
    var m = i / params.C;
    let row = ids[m] - params.first;
    if (chain[m].x == 0u || row >= params.V) { continue; }
    let c = i % params.C;
    let at = row * params.C + c;
    var sum = 0.0;
    while (m != NONE) {
      sum += f32(dx[m * params.C + c]);
      m = chain[m].y;
    }
    dw[at] += SCALE * sum;
  }
}
