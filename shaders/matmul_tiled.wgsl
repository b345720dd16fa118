// Matrix product for GPUs: tiles in shared memory.
//
//   C[M,N] = scale · op(A)·op(B)  + loraScale · Z·op(L)  + bias  + residual  (+ C)
//
//   layout   A        B        L
//   NT       [M,K]    [N,K]    [N,R]      y = x·Wᵀ
//   NN       [M,K]    [K,N]    [R,N]      dx = dy·W
//   TN       [K,M]    [K,N]    [R,N]      dW = dyᵀ·x
//
// Z [M,R]; bias f32 [N]; residual as C. All row-major, sums f32. The contiguous side of B, Z and L is a multiple of four: K for NT, N for NN and TN;
// R. The rows of A and C are pitchA and pitchC apart, multiples of four: where K (for TN: M) or N is none, they are padded, A with zeros. Other sides
// are free: indices are clamped, stores are guarded. B is in weight_vectors.wgsl or weight_blocks.wgsl, whose blocks are unpacked on their way to
// shared memory.
//
// A workgroup of 16×16 threads computes 64·ROWS × 64 outputs, a thread 4·ROWS × 4 of them:
// - Sixteen k at a time, the tiles of A and B are brought to shared memory as 4×4 blocks, one block a thread, always k-major: where
//   k lies contiguously in memory (A of NT and NN, B of NT), a block is transposed in registers on its way. Neighbouring threads read
//   neighbouring vec4s along the contiguous side.
// - For each k a thread then reads one vec4 of A for each four rows (the same for 16 threads: a broadcast) and one vec4 of B
//   (consecutive for 16 threads: no bank conflict) for 16 · ROWS multiply-adds.
// - A row of a tile is padded by one vec4, which spreads the transposed writes over the banks.
// Shared memory: 2 · 16 · 17 vec4 = 8.5 KiB for 64×64, 12.75 KiB for 128×64.

struct Params { M: u32, N: u32, K: u32, R: u32, pitchA: u32, pitchC: u32, part: u32, scale: f32, loraScale: f32 }

override TRANSPOSED_A: bool = false;
override TRANSPOSED_B: bool = false;
// 1: tiles of 64×64; 2: 128×64, better where there are enough of them to fill the GPU.
override ROWS: u32 = 1;
override LOW_RANK: bool = false;
override BIAS: bool = false;
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<ElemA>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<ElemC>>;
@group(0) @binding(4) var<storage, read> z: array<vec4<ElemZ>>;
@group(0) @binding(5) var<storage, read> l: array<vec4<ElemL>>;
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;
@group(0) @binding(7) var<storage, read> residual: array<vec4<ElemC>>;

const DEPTH = 16u;
const STRIDE = 17u;
const BLOCKS = 64u; // 4×4 blocks of 64 × DEPTH

// [half of the rows][k][m / 4] and [k][n / 4].
var<workgroup> tileA: array<vec4f, 16u * 17u * ROWS>;
var<workgroup> tileB: array<vec4f, 16u * 17u>;

// The offset of column k of `depth` in row `row` of `rows`; the last ones stand in for those beyond the end.
fn placeIn(row: u32, rows: u32, k: u32, depth: u32) -> u32 {
  return min(row, rows - 1u) * depth + min(k, depth - 4u);
}

fn alongRow(row: u32, rows: u32, k: u32, depth: u32) -> u32 {
  return placeIn(row, rows, k, depth) >> 2u;
}

fn fourOfB(element: u32) -> vec4f {
  return valuesOfB(element, scaleOfB(element, params.N * params.K));
}

fn rowOfA(m: u32, k: u32) -> vec4f {
  return select(vec4f(), vec4f(a[alongRow(m, params.M, k, params.pitchA)]), k < params.K);
}

fn rowOfB(n: u32, k: u32) -> vec4f {
  return select(vec4f(), fourOfB(placeIn(n, params.N, k, params.K)), k < params.K);
}

fn columnOfA(m: u32, k: u32) -> vec4f {
  return select(vec4f(), vec4f(a[alongRow(k, params.K, m, params.pitchA)]), k < params.K);
}

fn columnOfB(n: u32, k: u32) -> vec4f {
  return select(vec4f(), fourOfB(placeIn(k, params.K, n, params.N)), k < params.K);
}

fn rowOfZ(m: u32, r: u32) -> vec4f {
  return select(vec4f(), vec4f(z[alongRow(m, params.M, r, params.R)]) * params.loraScale, r < params.R);
}

fn rowOfL(n: u32, r: u32) -> vec4f {
  return select(vec4f(), vec4f(l[alongRow(n, params.N, r, params.R)]), r < params.R);
}

fn columnOfL(n: u32, r: u32) -> vec4f {
  return select(vec4f(), vec4f(l[alongRow(r, params.R, n, params.N)]), r < params.R);
}

// The position of a thread's block in its tile: (row or column of blocks, k of blocks); the contiguous side varies fastest over the threads.
fn placeOfBlock(block: u32, kContiguous: bool) -> vec2u {
  if (kContiguous) { return vec2u(block >> 2u, block & 3u); }
  return vec2u(block & 15u, block >> 4u);
}

fn keepA(block: u32, place: vec2u, values: mat4x4f) {
  let first = ((block / BLOCKS) * DEPTH + place.y * 4u) * STRIDE + (place.x & 15u);
  for (var i = 0u; i < 4u; i++) { tileA[first + i * STRIDE] = values[i]; }
}

fn keepB(place: vec2u, values: mat4x4f) {
  let first = place.y * 4u * STRIDE + place.x;
  for (var i = 0u; i < 4u; i++) { tileB[first + i * STRIDE] = values[i]; }
}

// Loads one block of A or B, columns k, into shared memory. Threads beyond the number of blocks load none.
fn loadBlock(thread: u32, m0: u32, n0: u32, k0: u32) {
  if (thread < BLOCKS * ROWS) {
    let place = placeOfBlock(thread % BLOCKS, !TRANSPOSED_A);
    let m = m0 + (thread / BLOCKS) * 64u + place.x * 4u;
    let k = k0 + place.y * 4u;
    if (TRANSPOSED_A) {
      keepA(thread, place, mat4x4f(columnOfA(m, k), columnOfA(m, k + 1u), columnOfA(m, k + 2u), columnOfA(m, k + 3u)));
    } else {
      keepA(thread, place, transpose(mat4x4f(rowOfA(m, k), rowOfA(m + 1u, k), rowOfA(m + 2u, k), rowOfA(m + 3u, k))));
    }
  } else if (thread < BLOCKS * (ROWS + 1u)) {
    let place = placeOfBlock(thread - BLOCKS * ROWS, TRANSPOSED_B);
    let n = n0 + place.x * 4u;
    let k = k0 + place.y * 4u;
    if (TRANSPOSED_B) {
      keepB(place, transpose(mat4x4f(rowOfB(n, k), rowOfB(n + 1u, k), rowOfB(n + 2u, k), rowOfB(n + 3u, k))));
    } else {
      keepB(place, mat4x4f(columnOfB(n, k), columnOfB(n, k + 1u), columnOfB(n, k + 2u), columnOfB(n, k + 3u)));
    }
  }
}

// The same for Z and L: the low-rank product is a few more k in the same tile.
fn loadLowRankBlock(thread: u32, m0: u32, n0: u32, r0: u32) {
  if (thread < BLOCKS * ROWS) {
    let place = placeOfBlock(thread % BLOCKS, true);
    let m = m0 + (thread / BLOCKS) * 64u + place.x * 4u;
    let r = r0 + place.y * 4u;
    keepA(thread, place, transpose(mat4x4f(rowOfZ(m, r), rowOfZ(m + 1u, r), rowOfZ(m + 2u, r), rowOfZ(m + 3u, r))));
  } else if (thread < BLOCKS * (ROWS + 1u)) {
    let place = placeOfBlock(thread - BLOCKS * ROWS, TRANSPOSED_B);
    let n = n0 + place.x * 4u;
    let r = r0 + place.y * 4u;
    if (TRANSPOSED_B) {
      keepB(place, transpose(mat4x4f(rowOfL(n, r), rowOfL(n + 1u, r), rowOfL(n + 2u, r), rowOfL(n + 3u, r))));
    } else {
      keepB(place, mat4x4f(columnOfL(n, r), columnOfL(n, r + 1u), columnOfL(n, r + 2u), columnOfL(n, r + 3u)));
    }
  }
}

alias Sums = array<vec4f, 4>;

// Row i of `sums` is a vec4 along N.
fn multiplyAdd(sums: ptr<function, Sums>, column: vec4f, row: vec4f) {
  sums[0] = fma(vec4f(column.x), row, sums[0]);
  sums[1] = fma(vec4f(column.y), row, sums[1]);
  sums[2] = fma(vec4f(column.z), row, sums[2]);
  sums[3] = fma(vec4f(column.w), row, sums[3]);
}

fn store(m: u32, n: u32, part: u32, sum: vec4f) {
  if (m >= params.M || n >= params.N) { return; }
  let place = (m * params.pitchC + n) >> 2u;
  var value = sum;
  if (BIAS) { value += bias[n >> 2u]; }
  if (RESIDUAL) { value += vec4f(residual[place]); }
  let index = part * ((params.M * params.pitchC) >> 2u) + place;
  if (ACCUMULATE) { value += vec4f(c[index]); }
  c[index] = vec4<ElemC>(value);
}

// x over tiles of N, y over tiles of M, z over parts of K: part p sums `part` k from p · part on, into the p-th of several matrices
// that matmul_reduce.wgsl adds up.
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) at: vec3u, @builtin(local_invocation_index) thread: u32) {
  let m0 = group.y * 64u * ROWS;
  let n0 = group.x * 64u;
  var upper: Sums;
  var lower: Sums;
  let start = group.z * params.part;
  let end = min(start + params.part, params.K);
  for (var k0 = start; k0 < end; k0 += DEPTH) {
    loadBlock(thread, m0, n0, k0);
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let row = tileB[k * STRIDE + at.x];
      multiplyAdd(&upper, tileA[k * STRIDE + at.y], row);
      if (ROWS > 1) { multiplyAdd(&lower, tileA[(DEPTH + k) * STRIDE + at.y], row); }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    upper[i] *= params.scale;
    lower[i] *= params.scale;
  }
  if (LOW_RANK) {
    for (var r0 = 0u; r0 < params.R; r0 += DEPTH) {
      loadLowRankBlock(thread, m0, n0, r0);
      workgroupBarrier();
      for (var r = 0u; r < DEPTH; r++) {
        let row = tileB[r * STRIDE + at.x];
        multiplyAdd(&upper, tileA[r * STRIDE + at.y], row);
        if (ROWS > 1) { multiplyAdd(&lower, tileA[(DEPTH + r) * STRIDE + at.y], row); }
      }
      workgroupBarrier();
    }
  }
  let m = m0 + at.y * 4u;
  let n = n0 + at.x * 4u;
  for (var i = 0u; i < 4u; i++) {
    store(m + i, n, group.z, upper[i]);
    if (ROWS > 1) { store(m + 64u + i, n, group.z, lower[i]); }
  }
}
