// Element by element: y = a + b (residual), y += a (a gradient from a second place), y = a (copy, with conversion).
//
// All tensors have the same number of elements. One thread per element.

struct Params { size: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ElemA>;
@group(0) @binding(2) var<storage, read> b: array<ElemA>;
@group(0) @binding(3) var<storage, read_write> y: array<ElemY>;

fn index(id: vec3u, groups: vec3u) -> u32 {
  return id.x + id.y * groups.x * 64u;
}

@compute @workgroup_size(64)
fn add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = index(id, groups);
  if (i < params.size) { y[i] = ElemY(f32(a[i]) + f32(b[i])); }
}

@compute @workgroup_size(64)
fn add_into(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = index(id, groups);
  if (i < params.size) { y[i] = ElemY(f32(y[i]) + f32(a[i])); }
}

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = index(id, groups);
  if (i < params.size) { y[i] = ElemY(a[i]); }
}
