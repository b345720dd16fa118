// target[rows[m], c] = source[m, c]: writes of a key or value cache.
//
// source: [M, C]. rows: [M]; those ≥ T are padding and are skipped, and no two of the others may be equal. target: [T, C]. One thread
// per number.

struct Params { M: u32, C: u32, T: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<ElemS>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> goal: array<ElemT>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  let m = i / params.C;
  if (m >= params.M) { return; }
  let row = rows[m];
  if (row < params.T) { goal[row * params.C + i % params.C] = ElemT(source[i]); }
}
