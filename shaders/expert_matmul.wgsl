// Products of rows that are sorted by expert with the matrices of their experts. B is in weight_vectors.wgsl or weight_blocks.wgsl.
//
//   NT: C[s, n] = scale · Σ_k A[s, k] · B[e, n, k]      NN: C[s, n] = scale · Σ_k A[s, k] · B[e, k, n]      (+ C)
//
// A [P, K], C [P, N]; offsets[e] … offsets[e + 1] are the rows of expert e. With `kept` above zero, A has a row for each token: row s is that of token
// rows[s] / kept. B has the matrices of `experts` experts from `first` on. K and N are multiples of four.
//
// How many rows an expert has is known on the device only. Its rows make tiles of 16, and a workgroup finds its tile by passing over the experts; there
// are as many workgroups as there can be tiles, and those that find none do nothing. A workgroup has 16 × 64 results, a thread four rows of four: it
// reads A and B where they lie, four vectors of each for sixteen products of vectors, with no barrier.

struct Params { N: u32, K: u32, kept: u32, first: u32, experts: u32, tile: u32, scale: f32 }

override TRANSPOSED_B: bool = true;
override ACCUMULATE: bool = false;
// Numbers of a row of B that share a scale: a multiple of four that divides K, or N for NN.
override STEP: u32 = 4;
const TILE_ROWS = 16u;
const TILE_COLUMNS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<ElemA>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<ElemC>>;
@group(0) @binding(4) var<storage, read> offsets: array<u32>;
@group(0) @binding(5) var<storage, read> rows: array<u32>;

// The first vec4 of row s of A.
fn rowOfA(s: u32) -> u32 {
  var row = s;
  if (params.kept > 0u) { row = rows[s] / params.kept; }
  return row * (params.K >> 2u);
}

fn put(s: u32, n: u32, sum: vec4f) {
  let at = (s * params.N + n) >> 2u;
  var value = sum * params.scale;
  if (ACCUMULATE) { value += vec4f(c[at]); }
  c[at] = vec4<ElemC>(value);
}

@compute @workgroup_size(16, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  let n = group.x * TILE_COLUMNS + thread.x * 4u;
  var tile = group.y + params.tile;
  var expert = 0u;
  var start = 0u;
  var end = 0u;
  for (; expert < params.experts; expert++) {
    start = offsets[params.first + expert];
    end = offsets[params.first + expert + 1u];
    let tiles = (end - start + TILE_ROWS - 1u) / TILE_ROWS;
    if (tile < tiles) { break; }
    tile -= tiles;
  }
  let s = start + tile * TILE_ROWS + thread.y * 4u;
  if (expert == params.experts || s >= end || n >= params.N) { return; }
  // The last row stands in for missing ones.
  let last = end - 1u;
  let a0 = rowOfA(s);
  let a1 = rowOfA(min(s + 1u, last));
  let a2 = rowOfA(min(s + 2u, last));
  let a3 = rowOfA(min(s + 3u, last));
  let size = params.experts * params.N * params.K;
  let base = expert * params.N * params.K;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  if (TRANSPOSED_B) {
    let b0 = base + n * params.K;
    let b1 = b0 + params.K;
    let b2 = b1 + params.K;
    let b3 = b2 + params.K;
    for (var run = 0u; run < params.K; run += STEP) {
      let scale0 = scaleOfB(b0 + run, size);
      let scale1 = scaleOfB(b1 + run, size);
      let scale2 = scaleOfB(b2 + run, size);
      let scale3 = scaleOfB(b3 + run, size);
      for (var k = run; k < run + STEP; k += 4u) {
        let i = k >> 2u;
        let w = mat4x4f(
          valuesOfB(b0 + k, scale0),
          valuesOfB(b1 + k, scale1),
          valuesOfB(b2 + k, scale2),
          valuesOfB(b3 + k, scale3),
        );
        sum0 += vec4f(a[a0 + i]) * w;
        sum1 += vec4f(a[a1 + i]) * w;
        sum2 += vec4f(a[a2 + i]) * w;
        sum3 += vec4f(a[a3 + i]) * w;
      }
    }
  } else {
    for (var k = 0u; k < params.K; k += 4u) {
      let i = k >> 2u;
      let b0 = base + k * params.N + n;
      let b1 = b0 + params.N;
      let b2 = b1 + params.N;
      let b3 = b2 + params.N;
      let w = mat4x4f(
        valuesOfB(b0, scaleOfB(b0, size)),
        valuesOfB(b1, scaleOfB(b1, size)),
        valuesOfB(b2, scaleOfB(b2, size)),
        valuesOfB(b3, scaleOfB(b3, size)),
      );
      sum0 += w * vec4f(a[a0 + i]);
      sum1 += w * vec4f(a[a1 + i]);
      sum2 += w * vec4f(a[a2 + i]);
      sum3 += w * vec4f(a[a3 + i]);
    }
  }
  put(s, n, sum0);
  if (s + 1u < end) { put(s + 1u, n, sum1); }
  if (s + 2u < end) { put(s + 2u, n, sum2); }
  if (s + 3u < end) { put(s + 3u, n, sum3); }
}
