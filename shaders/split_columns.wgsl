// Columns START … START + N − 1 of a matrix as a matrix of their own, and back: what a fused projection computes side by side.
//
//   take   part[m, n] = whole[m, start + n]
//   put    whole[m, start + n] (+)= part[m, n]
//
// whole: [M, C]. part: [M, N]. Four elements a thread.

struct Params { M: u32, N: u32, C: u32, start: u32 }

override ACCUMULATE: bool = false;

// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<Elem>;
@group(0) @binding(2) var<storage, read_write> goal: array<Elem>;

fn inWhole(i: u32) -> u32 { return i / params.N * params.C + params.start + i % params.N; }

@compute @workgroup_size(THREADS)
fn take(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.M * params.N); i += THREADS) { goal[i] = source[inWhole(i)]; }
}

@compute @workgroup_size(THREADS)
fn put(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.M * params.N); i += THREADS) {
    let at = inWhole(i);
    if (ACCUMULATE) { goal[at] = Elem(f32(goal[at]) + f32(source[i])); } else { goal[at] = source[i]; }
  }
}
