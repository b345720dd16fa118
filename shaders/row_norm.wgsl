// The length of each row: y[m] = sqrt(Σ_c x[m,c]²). x: [M, C] f32. y: [M] f32. Threads share rows as in rms_norm.wgsl.

struct Params { M: u32, C: u32 }

override THREADS: u32 = 64;
override ROWS: u32 = 1;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> parts: array<f32, THREADS * ROWS>;

fn total(invocation: u32, part: f32) -> f32 {
  if (THREADS == 1u) { return part; }
  parts[invocation] = part;
  workgroupBarrier();
  let first = invocation - invocation % THREADS;
  var sum = 0.0;
  for (var i = 0u; i < THREADS; i++) { sum += parts[first + i]; }
  return sum;
}

@compute @workgroup_size(THREADS * ROWS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let thread = invocation % THREADS;
  let m = (group.x + group.y * groups.x) * ROWS + invocation / THREADS;
  var part = 0.0;
  if (m < params.M) {
    for (var c = thread; c < params.C; c += THREADS) { let v = x[m * params.C + c]; part += v * v; }
  }
  let sum = total(invocation, part);
  if (m < params.M && thread == 0u) { y[m] = sqrt(sum); }
}
