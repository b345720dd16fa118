// Sums over the rows of each sequence, and their gradient.
//
//   forward    y[s] = Σ x[r], r from ranges[s].x to ranges[s].y, the end excluded
//   backward   dx[r] = dy[s] for the same rows, 0 for rows of no sequence
//
// x, dx: [R] f32. ranges: [S], each within R; no two that are not empty share a row. y, dy: [S] f32. Forward, a workgroup has one sequence, and the
// order of a sum is fixed: each thread adds every THREADS-th row, and the first adds the threads' parts in turn. In the backward, a thread has one row.

struct Params { S: u32, R: u32 }

const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

var<workgroup> parts: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let s = group.x + group.y * groups.x;
  var part = 0.0;
  if (s < params.S) {
    let range = ranges[s];
    for (var r = range.x + thread; r < range.y; r += THREADS) { part += x[r]; }
  }
  parts[thread] = part;
  workgroupBarrier();
  if (thread != 0u || s >= params.S) { return; }
  var sum = 0.0;
  for (var i = 0u; i < THREADS; i++) { sum += parts[i]; }
  y[s] = sum;
}

@compute @workgroup_size(THREADS)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let r = (group.x + group.y * groups.x) * THREADS + thread;
  if (r >= params.R) { return; }
  var value = 0.0;
  for (var s = 0u; s < params.S; s++) {
    if (r >= ranges[s].x && r < ranges[s].y) { value = dy[s]; }
  }
  dx[r] = value;
}
