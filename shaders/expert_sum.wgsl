// y[m, :] (+)= Σ_j x[places[m · kept + j], :] + residual[m, :]. x: [M · kept, C]. y, residual: [M, C]. Four elements a thread.

struct Params { M: u32, C: u32, kept: u32 }

override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;
// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> places: array<u32>;
@group(0) @binding(3) var<storage, read> residual: array<Elem>;
@group(0) @binding(4) var<storage, read_write> y: array<Elem>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.M * params.C); i += THREADS) {
    let first = (i / params.C) * params.kept;
    let c = i % params.C;
    var sum = 0.0;
    for (var j = 0u; j < params.kept; j++) { sum += f32(x[places[first + j] * params.C + c]); }
    if (RESIDUAL) { sum += f32(residual[i]); }
    if (ACCUMULATE) { sum += f32(y[i]); }
    y[i] = Elem(sum);
  }
}
