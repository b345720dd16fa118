// Matrix product for software adapters: tiles in registers, no shared memory.
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
// are free: indices are clamped, stores are guarded. B is in weight_vectors.wgsl or weight_blocks.wgsl.
//
// Why it is fast on software adapters: SwiftShader and llvmpipe execute 4 or 8 invocations as one SIMD vector. Arithmetic is one
// instruction for all of them, but every 32-bit load from a storage buffer is a gather, lane by lane with bounds checks, whether the
// lanes read one address or four; on SwiftShader loads take nearly all of the time (an estimate: one costs
// about as much as a hundred multiply-adds), and shared memory is no cheaper.
// So each gather should load different numbers, and each number should be used often:
// - A lane owns a tile of 4·ROWS × 4·COLUMNS outputs in registers, as 4×4 blocks; a step of four k is one mat4x4 product for each block.
// - With QUADS the four lanes of a quad own neighbouring tiles along one side. What they share on the other side is loaded once, a fourth
//   by each lane, and exchanged by `together`, a register shuffle. That function is in matmul_quad.wgsl, which needs subgroups;
//   matmul_alone.wgsl stands in for it without them, where every lane loads all it needs.
// - LANES_ALONG_N says along which side: off for few columns, as in LoRA's z = x·Aᵀ, where the long side is M.
// For each k an 8×8 tile without quads pays 16 gathers for 64 outputs a lane; with quads a 16×16 tile pays 20 for 256 and a 64×16 tile 32
// for 1024, which is the fastest for large products but takes long to compile.
//
// B in quantised blocks brings four or eight numbers with a gather. Its scales are loaded once for SCALE_DEPTH k where blocks lie along k,
// and for each row of B where they lie along N: a tile is no wider than the numbers that share a scale.
//
// A block of A has k along its columns, a block of B along its rows; in WGSL's column-major terms their product is `B * A`, and column r
// of it is row r of C's block: a vec4 along N.

// finish: what is added to the product, as bits. Like R, it is data and not an override: each variant of this kernel takes a second or more to
// compile on a software adapter, and a branch for a tile costs nothing. R = 0 leaves out the low-rank term.
struct Params { M: u32, N: u32, K: u32, R: u32, pitchA: u32, pitchC: u32, part: u32, finish: u32, scale: f32, loraScale: f32 }

const BIAS = 1u;
const RESIDUAL = 2u;
const ACCUMULATE = 4u;

override TRANSPOSED_A: bool = false;
override TRANSPOSED_B: bool = false;
// Tile of a lane in blocks of four: 1, 2, 4, 8 or 16 rows of 1, 2 or 4 blocks.
override ROWS: u32 = 4;
override COLUMNS: u32 = 4;
override QUADS: bool = false;
override LANES_ALONG_N: bool = true;
// Invocations of a workgroup, the SIMD width or a multiple of it.
override LANES: u32 = 4;
// Steps of k that share the scales of B; numbers have none, and all k are one step.
override SCALE_DEPTH: u32 = 0x40000000;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<ElemA>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<ElemC>>;
@group(0) @binding(4) var<storage, read> z: array<vec4<ElemZ>>;
@group(0) @binding(5) var<storage, read> l: array<vec4<ElemL>>;
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;
@group(0) @binding(7) var<storage, read> residual: array<vec4<ElemC>>;

// Up to four blocks along N, and up to four such rows of blocks.
alias Side = array<mat4x4f, 4>;
alias Scales = array<mat4x2f, 4>;

// Index of this invocation in its quad.
var<private> lane: u32;

// Row m of A, k … k+3; the last row stands in for those beyond it.
fn rowOfA(m: u32, k: u32) -> vec4f {
  return vec4f(a[(min(m, params.M - 1u) * params.pitchA + k) >> 2u]);
}

// Row k of Aᵀ's storage, m … m+3; zero beyond the last k, which also cancels B's values there.
fn columnOfA(m: u32, k: u32) -> vec4f {
  let v = vec4f(a[(min(k, params.K - 1u) * params.pitchA + min(m, params.pitchA - 4u)) >> 2u]);
  return select(vec4f(), v, k < params.K);
}

fn blockOfA(m: u32, k: u32) -> mat4x4f {
  if (TRANSPOSED_A) {
    if (QUADS && LANES_ALONG_N) { return transpose(together(columnOfA(m, k + lane))); }
    return transpose(mat4x4f(columnOfA(m, k), columnOfA(m, k + 1u), columnOfA(m, k + 2u), columnOfA(m, k + 3u)));
  }
  if (QUADS && LANES_ALONG_N) { return together(rowOfA(m + lane, k)); }
  return mat4x4f(rowOfA(m, k), rowOfA(m + 1u, k), rowOfA(m + 2u, k), rowOfA(m + 3u, k));
}

// The offset of the four numbers that step i of a block of B loads: along N in row k + i, or, transposed, along k in row n + i.
fn placeOfB(n: u32, k: u32, i: u32) -> u32 {
  if (TRANSPOSED_B) { return min(n + i, params.N - 1u) * params.K + k; }
  return min(k + i, params.K - 1u) * params.N + min(n, params.N - 4u);
}

// Scales of the four steps of a block of B; a lane that loads only one of them has only that.
fn scalesOfB(n: u32, k: u32) -> mat4x2f {
  let size = params.N * params.K;
  if (QUADS && !LANES_ALONG_N) { return mat4x2f(scaleOfB(placeOfB(n, k, lane), size), vec2f(), vec2f(), vec2f()); }
  return mat4x2f(
    scaleOfB(placeOfB(n, k, 0u), size),
    scaleOfB(placeOfB(n, k, 1u), size),
    scaleOfB(placeOfB(n, k, 2u), size),
    scaleOfB(placeOfB(n, k, 3u), size),
  );
}

fn stepsOfB(n: u32, k: u32, scales: mat4x2f) -> mat4x4f {
  if (QUADS && !LANES_ALONG_N) { return together(valuesOfB(placeOfB(n, k, lane), scales[0])); }
  return mat4x4f(
    valuesOfB(placeOfB(n, k, 0u), scales[0]),
    valuesOfB(placeOfB(n, k, 1u), scales[1]),
    valuesOfB(placeOfB(n, k, 2u), scales[2]),
    valuesOfB(placeOfB(n, k, 3u), scales[3]),
  );
}

fn blockOfB(n: u32, k: u32, scales: mat4x2f) -> mat4x4f {
  if (TRANSPOSED_B) { return transpose(stepsOfB(n, k, scales)); }
  return stepsOfB(n, k, scales);
}

// Scales of all blocks of a lane along N. Without a transposed B they share their rows, and so their scales.
fn allScalesOfB(n: u32, k: u32) -> Scales {
  var scales: Scales;
  scales[0] = scalesOfB(n, k);
  if (!TRANSPOSED_B) { return Scales(scales[0], scales[0], scales[0], scales[0]); }
  if (COLUMNS > 1) { scales[1] = scalesOfB(n + 4u, k); }
  if (COLUMNS > 2) {
    scales[2] = scalesOfB(n + 8u, k);
    scales[3] = scalesOfB(n + 12u, k);
  }
  return scales;
}

fn rowOfZ(m: u32, r: u32) -> vec4f {
  return vec4f(z[(min(m, params.M - 1u) * params.R + r) >> 2u]) * params.loraScale;
}

fn blockOfZ(m: u32, r: u32) -> mat4x4f {
  if (QUADS && LANES_ALONG_N) { return together(rowOfZ(m + lane, r)); }
  return mat4x4f(rowOfZ(m, r), rowOfZ(m + 1u, r), rowOfZ(m + 2u, r), rowOfZ(m + 3u, r));
}

fn rowOfL(n: u32, r: u32) -> vec4f {
  return vec4f(l[(r * params.N + min(n, params.N - 4u)) >> 2u]);
}

fn columnOfL(n: u32, r: u32) -> vec4f {
  return vec4f(l[(min(n, params.N - 1u) * params.R + r) >> 2u]);
}

fn blockOfL(n: u32, r: u32) -> mat4x4f {
  if (TRANSPOSED_B) {
    if (QUADS && !LANES_ALONG_N) { return transpose(together(columnOfL(n + lane, r))); }
    return transpose(mat4x4f(columnOfL(n, r), columnOfL(n + 1u, r), columnOfL(n + 2u, r), columnOfL(n + 3u, r)));
  }
  if (QUADS && !LANES_ALONG_N) { return together(rowOfL(n, r + lane)); }
  return mat4x4f(rowOfL(n, r), rowOfL(n, r + 1u), rowOfL(n, r + 2u), rowOfL(n, r + 3u));
}

// sums += row · columns for one step of four k: one row of blocks of the lane's tile. Written out, because an array stays in registers
// only where every index is a constant.
fn multiplyAdd(sums: ptr<function, Side>, row: mat4x4f, columns: ptr<function, Side>) {
  sums[0] += columns[0] * row;
  if (COLUMNS > 1) { sums[1] += columns[1] * row; }
  if (COLUMNS > 2) {
    sums[2] += columns[2] * row;
    sums[3] += columns[3] * row;
  }
}

// Writes the columns n … n + 4·COLUMNS − 1 of four rows from m on, as far as they exist. The bounds of the loop are only known at run time, which
// keeps compilers from unrolling it: on llvmpipe, sixteen guarded stores take longer to compile than everything else.
fn store(m: u32, n: u32, part: u32, sums: Side) {
  var blocks = sums;
  let end = min(m + 4u, params.M);
  let width = params.pitchC >> 2u;
  let count = (params.N + 3u) >> 2u;
  for (var row = m; row < end; row++) {
    for (var j = 0u; j < COLUMNS; j++) {
      let column = (n >> 2u) + j;
      let place = row * width + column;
      let index = part * params.M * width + place;
      if (column < count) {
        var value = blocks[j][row & 3u];
        if ((params.finish & BIAS) != 0u) { value += bias[column]; }
        if ((params.finish & RESIDUAL) != 0u) { value += vec4f(residual[place]); }
        if ((params.finish & ACCUMULATE) != 0u) { value += vec4f(c[index]); }
        c[index] = vec4<ElemC>(value);
      }
    }
  }
}

// A band is up to four rows of blocks, each a variable of its own: naga has no pointers to a part of one (wgpu 5158).
fn multiplyAddBand(
  row0: ptr<function, Side>, row1: ptr<function, Side>, row2: ptr<function, Side>, row3: ptr<function, Side>,
  m: u32, k: u32, columns: ptr<function, Side>,
) {
  multiplyAdd(row0, blockOfA(m, k), columns);
  if (ROWS > 1) { multiplyAdd(row1, blockOfA(m + 4u, k), columns); }
  if (ROWS > 2) {
    multiplyAdd(row2, blockOfA(m + 8u, k), columns);
    multiplyAdd(row3, blockOfA(m + 12u, k), columns);
  }
}

fn multiplyAddLowRank(
  row0: ptr<function, Side>, row1: ptr<function, Side>, row2: ptr<function, Side>, row3: ptr<function, Side>,
  m: u32, r: u32, columns: ptr<function, Side>,
) {
  multiplyAdd(row0, blockOfZ(m, r), columns);
  if (ROWS > 1) { multiplyAdd(row1, blockOfZ(m + 4u, r), columns); }
  if (ROWS > 2) {
    multiplyAdd(row2, blockOfZ(m + 8u, r), columns);
    multiplyAdd(row3, blockOfZ(m + 12u, r), columns);
  }
}

fn scaleSide(side: ptr<function, Side>) {
  side[0] *= params.scale;
  if (COLUMNS > 1) { side[1] *= params.scale; }
  if (COLUMNS > 2) {
    side[2] *= params.scale;
    side[3] *= params.scale;
  }
}

fn scaleBand(row0: ptr<function, Side>, row1: ptr<function, Side>, row2: ptr<function, Side>, row3: ptr<function, Side>) {
  scaleSide(row0);
  if (ROWS > 1) { scaleSide(row1); }
  if (ROWS > 2) {
    scaleSide(row2);
    scaleSide(row3);
  }
}

fn storeBand(
  m: u32, n: u32, part: u32,
  row0: ptr<function, Side>, row1: ptr<function, Side>, row2: ptr<function, Side>, row3: ptr<function, Side>,
) {
  store(m, n, part, *row0);
  if (ROWS > 1) { store(m + 4u, n, part, *row1); }
  if (ROWS > 2) {
    store(m + 8u, n, part, *row2);
    store(m + 12u, n, part, *row3);
  }
}

// x along the side of the lanes, y along the other, z over parts of K: part p sums `part` k from p · part on, into the p-th of several
// matrices that matmul_reduce.wgsl adds up.
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  lane = thread & 3u;
  let along = group.x * LANES + thread;
  let m = select(along, group.y, LANES_ALONG_N) * 4u * ROWS;
  let n = select(group.y, along, LANES_ALONG_N) * 4u * COLUMNS;
  var rows00: Side;
  var rows01: Side;
  var rows02: Side;
  var rows03: Side;
  var rows10: Side;
  var rows11: Side;
  var rows12: Side;
  var rows13: Side;
  var rows20: Side;
  var rows21: Side;
  var rows22: Side;
  var rows23: Side;
  var rows30: Side;
  var rows31: Side;
  var rows32: Side;
  var rows33: Side;
  var columns: Side;
  let start = group.z * params.part;
  let end = min(start + params.part, params.K);
  for (var first = start; first < end; first += SCALE_DEPTH) {
    var scales: Scales;
    if (TRANSPOSED_B) { scales = allScalesOfB(n, first); }
    let next = min(first + SCALE_DEPTH, end);
    for (var k = first; k < next; k += 4u) {
      if (!TRANSPOSED_B) { scales = allScalesOfB(n, k); }
      columns[0] = blockOfB(n, k, scales[0]);
      if (COLUMNS > 1) { columns[1] = blockOfB(n + 4u, k, scales[1]); }
      if (COLUMNS > 2) {
        columns[2] = blockOfB(n + 8u, k, scales[2]);
        columns[3] = blockOfB(n + 12u, k, scales[3]);
      }
      multiplyAddBand(&rows00, &rows01, &rows02, &rows03, m, k, &columns);
      if (ROWS > 4) { multiplyAddBand(&rows10, &rows11, &rows12, &rows13, m + 16u, k, &columns); }
      if (ROWS > 8) {
        multiplyAddBand(&rows20, &rows21, &rows22, &rows23, m + 32u, k, &columns);
        multiplyAddBand(&rows30, &rows31, &rows32, &rows33, m + 48u, k, &columns);
      }
    }
  }
  scaleBand(&rows00, &rows01, &rows02, &rows03);
  if (ROWS > 4) { scaleBand(&rows10, &rows11, &rows12, &rows13); }
  if (ROWS > 8) {
    scaleBand(&rows20, &rows21, &rows22, &rows23);
    scaleBand(&rows30, &rows31, &rows32, &rows33);
  }
  for (var r = 0u; r < params.R; r += 4u) {
    columns[0] = blockOfL(n, r);
    if (COLUMNS > 1) { columns[1] = blockOfL(n + 4u, r); }
    if (COLUMNS > 2) {
      columns[2] = blockOfL(n + 8u, r);
      columns[3] = blockOfL(n + 12u, r);
    }
    multiplyAddLowRank(&rows00, &rows01, &rows02, &rows03, m, r, &columns);
    if (ROWS > 4) { multiplyAddLowRank(&rows10, &rows11, &rows12, &rows13, m + 16u, r, &columns); }
    if (ROWS > 8) {
      multiplyAddLowRank(&rows20, &rows21, &rows22, &rows23, m + 32u, r, &columns);
      multiplyAddLowRank(&rows30, &rows31, &rows32, &rows33, m + 48u, r, &columns);
    }
  }
  storeBand(m, n, group.z, &rows00, &rows01, &rows02, &rows03);
  if (ROWS > 4) { storeBand(m + 16u, n, group.z, &rows10, &rows11, &rows12, &rows13); }
  if (ROWS > 8) {
    storeBand(m + 32u, n, group.z, &rows20, &rows21, &rows22, &rows23);
    storeBand(m + 48u, n, group.z, &rows30, &rows31, &rows32, &rows33);
  }
}
