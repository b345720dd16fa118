// y[r, :] = x[rows[r], :], and zero if rows[r] is NONE.
//
// Its backward is itself with the inverse map: dx[m, :] = dy[inverse[m], :], which needs no atomics because no row is taken twice.
// x: [M, C]. rows: [R]. y: [R, C]. Four elements a thread.

struct Params { R: u32, C: u32 }

override ACCUMULATE: bool = false;
const NONE = 0xffffffffu;

// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.R * params.C); i += THREADS) {
    let row = rows[i / params.C];
    var value = Elem(0);
    if (row != NONE) { value = x[row * params.C + i % params.C]; }
    if (ACCUMULATE) { value += y[i]; }
    y[i] = value;
  }
}
