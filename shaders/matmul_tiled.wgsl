// Matrix products for GPUs: tiles in shared memory. matmul_problems.wgsl says what they are, and reads their operands. Quantised blocks are unpacked on
// their way to shared memory.
//
// A workgroup of ACROSS × DOWN threads computes a tile of 4 · ROWS · DOWN × 4 · COLUMNS · ACROSS outputs, a thread 4 · ROWS × 4 · COLUMNS of them:
// - DEPTH k at a time, the tiles of A and B are brought to shared memory as 4×4 blocks, always k-major: where k lies contiguously
//   in memory (A of NT and NN, B of NT), a block is transposed in registers on its way. Neighbouring threads read
//   neighbouring vec4s along the contiguous side.
// - For each k a thread then reads one vec4 of A for each four rows (the same for all threads of a row: a broadcast) and one vec4 of B for each
//   four columns (consecutive for the threads of a row: no bank conflict) for 16 · ROWS · COLUMNS multiply-adds.
// - A row of a tile is padded by one vec4, which spreads the transposed writes over the banks.
// Shared memory: DEPTH · (ROWS · DOWN + COLUMNS · ACROSS + 2) vectors of four, with the defaults 8.5 KiB for 64×64 and 12.5 KiB for 128×64. ElemT is their
// type; sums are f32 in any case.
//
// SPLIT: the tiles of one product are repeated for each part of K, params.part of them at a time. matmul_reduce.wgsl adds up the parts. The
// low-rank term belongs to the first.

// Blocks of four rows and of four columns of a thread: 1 or 2.
override ROWS: u32 = 1;
override COLUMNS: u32 = 1;
// Threads along N and along M.
override ACROSS: u32 = 16;
override DOWN: u32 = 16;
// 8, 16 or 32.
override DEPTH: u32 = 16;
override SPLIT: bool = false;

@group(0) @binding(3) var<storage, read_write> c: array<vec4<ElemC>>;

// 4×4 blocks of the tiles.
const BLOCKS_M = DOWN * ROWS;
const BLOCKS_N = ACROSS * COLUMNS;
const BLOCKS_K = DEPTH / 4u;
const BLOCKS_A = BLOCKS_M * BLOCKS_K;
const BLOCKS_B = BLOCKS_N * BLOCKS_K;
const STRIDE_A = BLOCKS_M + 1u;
const STRIDE_B = BLOCKS_N + 1u;
const THREADS = ACROSS * DOWN;
// Blocks that a thread brings at most.
const TURNS = (BLOCKS_A + BLOCKS_B + THREADS - 1u) / THREADS;

// [k][m / 4] and [k][n / 4].
var<workgroup> tileA: array<vec4<ElemT>, DEPTH * (DOWN * ROWS + 1u)>;
var<workgroup> tileB: array<vec4<ElemT>, DEPTH * (ACROSS * COLUMNS + 1u)>;

// The position of a block in its tile: (row or column of blocks, k of blocks); the contiguous side varies fastest over the threads.
fn placeOfBlock(block: u32, side: u32, kContiguous: bool) -> vec2u {
  if (kContiguous) { return vec2u(block / BLOCKS_K, block % BLOCKS_K); }
  return vec2u(block % side, block / side);
}

fn keepA(place: vec2u, values: mat4x4f) {
  let first = place.y * 4u * STRIDE_A + place.x;
  for (var i = 0u; i < 4u; i++) { tileA[first + i * STRIDE_A] = vec4<ElemT>(values[i]); }
}

fn keepB(place: vec2u, values: mat4x4f) {
  let first = place.y * 4u * STRIDE_B + place.x;
  for (var i = 0u; i < 4u; i++) { tileB[first + i * STRIDE_B] = vec4<ElemT>(values[i]); }
}

// Loads a thread's blocks of A and B, columns k, into shared memory.
fn loadBlocks(thread: u32, m0: u32, n0: u32, k0: u32) {
  for (var turn = 0u; turn < TURNS; turn++) {
    let block = turn * THREADS + thread;
    if (block < BLOCKS_A) {
      let place = placeOfBlock(block, BLOCKS_M, !TRANSPOSED_A);
      keepA(place, transpose(blockOfA(m0 + place.x * 4u, k0 + place.y * 4u)));
    } else if (block < BLOCKS_A + BLOCKS_B) {
      let place = placeOfBlock(block - BLOCKS_A, BLOCKS_N, TRANSPOSED_B);
      keepB(place, blockOfB(n0 + place.x * 4u, k0 + place.y * 4u));
    }
  }
}

// The same for Z and L: the low-rank product is a few more k in the same tile.
fn loadLowRankBlocks(thread: u32, m0: u32, n0: u32, r0: u32) {
  for (var turn = 0u; turn < TURNS; turn++) {
    let block = turn * THREADS + thread;
    if (block < BLOCKS_A) {
      let place = placeOfBlock(block, BLOCKS_M, true);
      keepA(place, transpose(blockOfZ(m0 + place.x * 4u, r0 + place.y * 4u)));
    } else if (block < BLOCKS_A + BLOCKS_B) {
      let place = placeOfBlock(block - BLOCKS_A, BLOCKS_N, TRANSPOSED_B);
      keepB(place, blockOfL(n0 + place.x * 4u, r0 + place.y * 4u));
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

// Vectors i of column k of A's tile and of row k of B's.
fn columnAt(k: u32, i: u32) -> vec4f {
  return vec4f(tileA[k * STRIDE_A + i]);
}

fn rowAt(k: u32, i: u32) -> vec4f {
  return vec4f(tileB[k * STRIDE_B + i]);
}

fn store(first: u32, m: u32, n: u32, sum: vec4f) {
  if (m >= p.M || n >= p.N) { return; }
  let place = m * p.strideM + n;
  var value = sum;
  if (BIAS) { value += bias[(p.bias + n) >> 2u]; }
  if (RESIDUAL) { value += residualAt(place); }
  let index = (first + place) >> 2u;
  if (ACCUMULATE) { value += vec4f(c[index]); }
  c[index] = vec4<ElemC>(value);
}

@compute @workgroup_size(ACROSS, DOWN)
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
  let across = params.problems[first].across;
  var place = tile - params.problems[first].first;
  var part = 0u;
  if (SPLIT) {
    let count = across * ((params.problems[first].M + 4u * BLOCKS_M - 1u) / (4u * BLOCKS_M));
    part = place / count;
    place = place % count;
  }
  let m0 = place / across * 4u * BLOCKS_M;
  let n0 = place % across * 4u * BLOCKS_N;
  // Above and below: rows. Left and right: columns.
  var aboveLeft: Sums;
  var belowLeft: Sums;
  var aboveRight: Sums;
  var belowRight: Sums;
  for (var i = first; i <= last; i++) {
    p = params.problems[i];
    var end = params.problems[i].K;
    if (SPLIT) { end = min(end, (part + 1u) * params.part); }
    for (var k0 = part * params.part; k0 < end; k0 += DEPTH) {
      loadBlocks(thread, m0, n0, k0);
      workgroupBarrier();
      for (var k = 0u; k < DEPTH; k++) {
        let above = columnAt(k, at.y);
        let left = rowAt(k, at.x);
        multiplyAdd(&aboveLeft, above, left);
        if (ROWS > 1u) { multiplyAdd(&belowLeft, columnAt(k, DOWN + at.y), left); }
        if (COLUMNS > 1u) {
          let right = rowAt(k, ACROSS + at.x);
          multiplyAdd(&aboveRight, above, right);
          if (ROWS > 1u) { multiplyAdd(&belowRight, columnAt(k, DOWN + at.y), right); }
        }
      }
      workgroupBarrier();
    }
  }
  for (var i = 0u; i < 4u; i++) {
    aboveLeft[i] *= p.scale;
    belowLeft[i] *= p.scale;
    aboveRight[i] *= p.scale;
    belowRight[i] *= p.scale;
  }
  if (LOW_RANK) {
    for (var i = first; i <= last; i++) {
      p = params.problems[i];
      var end = params.problems[i].R;
      if (part > 0u) { end = 0u; }
      for (var r0 = 0u; r0 < end; r0 += DEPTH) {
        loadLowRankBlocks(thread, m0, n0, r0);
        workgroupBarrier();
        for (var r = 0u; r < DEPTH; r++) {
          let above = columnAt(r, at.y);
          let left = rowAt(r, at.x);
          multiplyAdd(&aboveLeft, above, left);
          if (ROWS > 1u) { multiplyAdd(&belowLeft, columnAt(r, DOWN + at.y), left); }
          if (COLUMNS > 1u) {
            let right = rowAt(r, ACROSS + at.x);
            multiplyAdd(&aboveRight, above, right);
            if (ROWS > 1u) { multiplyAdd(&belowRight, columnAt(r, DOWN + at.y), right); }
          }
        }
        workgroupBarrier();
      }
    }
  }
  p = params.problems[first];
  // Each part has a matrix of its own.
  let start = p.c + part * p.M * p.strideM;
  let m = m0 + at.y * 4u;
  let n = n0 + at.x * 4u;
  for (var i = 0u; i < 4u; i++) {
    store(start, m + i, n, aboveLeft[i]);
    if (ROWS > 1u) { store(start, m + 4u * DOWN + i, n, belowLeft[i]); }
    if (COLUMNS > 1u) {
      store(start, m + i, n + 4u * ACROSS, aboveRight[i]);
      if (ROWS > 1u) { store(start, m + 4u * DOWN + i, n + 4u * ACROSS, belowRight[i]); }
    }
  }
}
