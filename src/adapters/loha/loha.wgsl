// LoHa (Hyeon-Woo and others, 2021): the product of two matrices number by number.
//
//   loha_product   y ← scale · a ⊙ b          a, b, y: [size] f32

struct Params { size: u32, scale: f32 }

const THREADS = 64u;
// Elements of a thread.
const EACH = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(THREADS)
fn loha_product(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * THREADS * EACH + thread;
  for (var i = start; i < min(start + THREADS * EACH, params.size); i += THREADS) {
    y[i] = params.scale * a[i] * b[i];
  }
}
