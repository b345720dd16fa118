// Element by element: y = a + b (residual), y += a (a gradient from a second place), y = a (copy, with conversion).
//
// All tensors have the same number of elements. Four elements a thread.

struct Params { size: u32 }

// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ElemA>;
@group(0) @binding(2) var<storage, read> b: array<ElemA>;
@group(0) @binding(3) var<storage, read_write> y: array<ElemY>;

@compute @workgroup_size(THREADS)
fn add(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    y[i] = ElemY(f32(a[i]) + f32(b[i]));
  }
}

@compute @workgroup_size(THREADS)
fn add_into(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    y[i] = ElemY(f32(y[i]) + f32(a[i]));
  }
}

@compute @workgroup_size(THREADS)
fn copy(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    y[i] = ElemY(a[i]);
  }
}
