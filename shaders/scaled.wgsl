// y[i] = weight · x[i], or with ACCUMULATE: y[i] += weight · x[i]. x, y: [size] f32. For sums of losses.

struct Params { size: u32, weight: f32 }

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (group.x + group.y * groups.x) * 64u + thread;
  if (i >= params.size) { return; }
  let value = params.weight * x[i];
  if (ACCUMULATE) { y[i] += value; } else { y[i] = value; }
}
