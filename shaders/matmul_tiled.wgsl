// Matrix products for GPUs: tiles in shared memory. matmul_problems.wgsl says what they are, and reads their operands. Quantised blocks are unpacked on
// their way to shared memory.
//
// A workgroup of 16×16 threads computes 64·ROWS × 64 outputs, a thread 4·ROWS × 4 of them:
// - Sixteen k at a time, the tiles of A and B are brought to shared memory as 4×4 blocks, one block a thread, always k-major: where
//   k lies contiguously in memory (A of NT and NN, B of NT), a block is transposed in registers on its way. Neighbouring threads read
//   neighbouring vec4s along the contiguous side.
// - For each k a thread then reads one vec4 of A for each four rows (the same for 16 threads: a broadcast) and one vec4 of B
//   (consecutive for 16 threads: no bank conflict) for 16 · ROWS multiply-adds.
// - A row of a tile is padded by one vec4, which spreads the transposed writes over the banks.
// Shared memory: 2 · 16 · 17 vec4 = 8.5 KiB for 64×64, 12.75 KiB for 128×64.

// 1: tiles of 64×64; 2: 128×64, better where there are enough of them to fill the GPU.
override ROWS: u32 = 1;

@group(0) @binding(3) var<storage, read_write> c: array<vec4<ElemC>>;

const DEPTH = 16u;
const STRIDE = 17u;
const BLOCKS = 64u; // 4×4 blocks of 64 × DEPTH

// [half of the rows][k][m / 4] and [k][n / 4].
var<workgroup> tileA: array<vec4f, 16u * 17u * ROWS>;
var<workgroup> tileB: array<vec4f, 16u * 17u>;

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
    keepA(thread, place, transpose(blockOfA(m0 + (thread / BLOCKS) * 64u + place.x * 4u, k0 + place.y * 4u)));
  } else if (thread < BLOCKS * (ROWS + 1u)) {
    let place = placeOfBlock(thread - BLOCKS * ROWS, TRANSPOSED_B);
    keepB(place, blockOfB(n0 + place.x * 4u, k0 + place.y * 4u));
  }
}

// The same for Z and L: the low-rank product is a few more k in the same tile.
fn loadLowRankBlock(thread: u32, m0: u32, n0: u32, r0: u32) {
  if (thread < BLOCKS * ROWS) {
    let place = placeOfBlock(thread % BLOCKS, true);
    keepA(thread, place, transpose(blockOfZ(m0 + (thread / BLOCKS) * 64u + place.x * 4u, r0 + place.y * 4u)));
  } else if (thread < BLOCKS * (ROWS + 1u)) {
    let place = placeOfBlock(thread - BLOCKS * ROWS, TRANSPOSED_B);
    keepB(place, blockOfL(n0 + place.x * 4u, r0 + place.y * 4u));
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

fn store(m: u32, n: u32, sum: vec4f) {
  if (m >= p.M || n >= p.N) { return; }
  let place = m * p.strideM + n;
  var value = sum;
  if (BIAS) { value += bias[(p.bias + n) >> 2u]; }
  if (RESIDUAL) { value += residualAt(place); }
  let index = (p.c + place) >> 2u;
  if (ACCUMULATE) { value += vec4f(c[index]); }
  c[index] = vec4<ElemC>(value);
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) at: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= params.tiles) { return; }
  let first = problemOf(tile);
  let last = lastOf(first);
  let place = tile - params.problems[first].first;
  let across = params.problems[first].across;
  let m0 = place / across * 64u * ROWS;
  let n0 = place % across * 64u;
  var upper: Sums;
  var lower: Sums;
  for (var i = first; i <= last; i++) {
    p = params.problems[i];
    let end = params.problems[i].K;
    for (var k0 = 0u; k0 < end; k0 += DEPTH) {
      loadBlock(thread, m0, n0, k0);
      workgroupBarrier();
      for (var k = 0u; k < DEPTH; k++) {
        let row = tileB[k * STRIDE + at.x];
        multiplyAdd(&upper, tileA[k * STRIDE + at.y], row);
        if (ROWS > 1) { multiplyAdd(&lower, tileA[(DEPTH + k) * STRIDE + at.y], row); }
      }
      workgroupBarrier();
    }
  }
  for (var i = 0u; i < 4u; i++) {
    upper[i] *= p.scale;
    lower[i] *= p.scale;
  }
  if (LOW_RANK) {
    for (var i = first; i <= last; i++) {
      p = params.problems[i];
      let end = params.problems[i].R;
      for (var r0 = 0u; r0 < end; r0 += DEPTH) {
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
  }
  p = params.problems[first];
  let m = m0 + at.y * 4u;
  let n = n0 + at.x * 4u;
  for (var i = 0u; i < 4u; i++) {
    store(m + i, n, upper[i]);
    if (ROWS > 1) { store(m + 64u + i, n, lower[i]); }
  }
}
