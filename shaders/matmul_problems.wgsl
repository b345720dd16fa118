// The products that one dispatch computes, for matmul_tiled.wgsl, matmul_sliced.wgsl and matmul_vector.wgsl.
//
//   C[M,N] = scale · op(A)·op(B)  + loraScale · Z·op(L)  + bias  + residual  (+ C)
//
//   layout   A        B        L
//   NT       [M,K]    [N,K]    [N,R]      y = x·Wᵀ
//   NN       [M,K]    [K,N]    [R,N]      dx = dy·W
//   TN       [K,M]    [K,N]    [R,N]      dW = dyᵀ·x
//
// Z [M,R]; bias f32 [N]; residual as C. All row-major, sums f32. The contiguous side of B, Z and L is a multiple of four: K for NT, N for NN and TN;
// R. The rows of A and C are pitchA and strideM apart, multiples of four: if K (for TN: M) or N is none, they are padded, A with zeros. Other sides
// are free: indices are clamped, stores are guarded. B is in weight_vectors.wgsl or weight_blocks.wgsl.
//
// A dispatch has one product, or several of one layout that share their bindings: q, k and v of one input, or all gradients of their adapters.
// Each tile of a result belongs to one of them. With TERMS they are terms of one result instead, which a tile adds up: the gradient of that input.
// Products read different places of A, C, Z and L, and up to three weights (weight_vectors_group.wgsl). A residual goes with one product only:
// its binding would be one more than WebGPU promises.

struct Problem {
  M: u32, N: u32, K: u32, R: u32,
  // Elements from one row of A to the next, and from one m and one n of C to the next.
  pitchA: u32, strideM: u32, strideN: u32,
  // Its first tile among those of the dispatch, and its tiles side by side along N.
  first: u32, across: u32,
  // Its first element in each binding.
  a: u32, b: u32, c: u32, z: u32, l: u32, bias: u32,
  // The binding of its B.
  buffer: u32,
  // Not 0: its A is in the binding of Z.
  fromZ: u32,
  spare: u32,
  scale: f32, loraScale: f32,
}

// part: the k of a part, if the K of one product is split.
struct Params { problems: array<Problem, 6>, count: u32, tiles: u32, part: u32 }

override TRANSPOSED_A: bool = false;
override TRANSPOSED_B: bool = false;
override LOW_RANK: bool = false;
override BIAS: bool = false;
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;
override TERMS: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<ElemA>>;
@group(0) @binding(4) var<storage, read> z: array<vec4<ElemZ>>;
@group(0) @binding(5) var<storage, read> l: array<vec4<ElemL>>;
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;

// The product that a thread works on, for functions that address its operands.
var<private> p: Problem;

// The product that a tile belongs to.
fn problemOf(tile: u32) -> u32 {
  var found = 0u;
  if (TERMS) { return found; }
  for (var i = 1u; i < params.count; i++) {
    if (tile >= params.problems[i].first) { found = i; }
  }
  return found;
}

// The last product that is added up for a tile of product `index`.
fn lastOf(index: u32) -> u32 {
  return select(index, params.count - 1u, TERMS);
}

// The vec4 at column k of `depth` in row `row` of `rows`; the last ones stand in for those beyond the end.
fn placeIn(row: u32, rows: u32, k: u32, depth: u32) -> u32 {
  return min(row, rows - 1u) * depth + min(k, depth - 4u);
}

fn fourOfA(place: u32) -> vec4f {
  let at = (p.a + place) >> 2u;
  if (TRANSPOSED_A && p.fromZ != 0u) { return vec4f(z[at]); }
  return vec4f(a[at]);
}

fn fourOfB(place: u32) -> vec4f {
  let at = p.b + place;
  return valuesOfB(at, scaleOfB(at, p.N * p.K));
}

fn rowOfA(m: u32, k: u32) -> vec4f {
  return select(vec4f(), fourOfA(placeIn(m, p.M, k, p.pitchA)), k < p.K);
}

fn rowOfB(n: u32, k: u32) -> vec4f {
  return select(vec4f(), fourOfB(placeIn(n, p.N, k, p.K)), k < p.K);
}

fn columnOfA(m: u32, k: u32) -> vec4f {
  return select(vec4f(), fourOfA(placeIn(k, p.K, m, p.pitchA)), k < p.K);
}

fn columnOfB(n: u32, k: u32) -> vec4f {
  return select(vec4f(), fourOfB(placeIn(k, p.K, n, p.N)), k < p.K);
}

fn rowOfZ(m: u32, r: u32) -> vec4f {
  let at = (p.z + placeIn(m, p.M, r, p.R)) >> 2u;
  return select(vec4f(), vec4f(z[at]) * p.loraScale, r < p.R);
}

fn rowOfL(n: u32, r: u32) -> vec4f {
  return select(vec4f(), vec4f(l[(p.l + placeIn(n, p.N, r, p.R)) >> 2u]), r < p.R);
}

fn columnOfL(n: u32, r: u32) -> vec4f {
  return select(vec4f(), vec4f(l[(p.l + placeIn(r, p.R, n, p.N)) >> 2u]), r < p.R);
}

// A 4×4 block of A from (m, k) on: a vector along k for each m.
fn blockOfA(m: u32, k: u32) -> mat4x4f {
  if (TRANSPOSED_A) {
    return transpose(mat4x4f(columnOfA(m, k), columnOfA(m, k + 1u), columnOfA(m, k + 2u), columnOfA(m, k + 3u)));
  }
  return mat4x4f(rowOfA(m, k), rowOfA(m + 1u, k), rowOfA(m + 2u, k), rowOfA(m + 3u, k));
}

// A 4×4 block of B from (n, k) on: a vector along n for each k.
fn blockOfB(n: u32, k: u32) -> mat4x4f {
  if (TRANSPOSED_B) {
    return transpose(mat4x4f(rowOfB(n, k), rowOfB(n + 1u, k), rowOfB(n + 2u, k), rowOfB(n + 3u, k)));
  }
  return mat4x4f(columnOfB(n, k), columnOfB(n, k + 1u), columnOfB(n, k + 2u), columnOfB(n, k + 3u));
}

// The same of Z and of L.
fn blockOfZ(m: u32, r: u32) -> mat4x4f {
  return mat4x4f(rowOfZ(m, r), rowOfZ(m + 1u, r), rowOfZ(m + 2u, r), rowOfZ(m + 3u, r));
}

fn blockOfL(n: u32, r: u32) -> mat4x4f {
  if (TRANSPOSED_B) {
    return transpose(mat4x4f(rowOfL(n, r), rowOfL(n + 1u, r), rowOfL(n + 2u, r), rowOfL(n + 3u, r)));
  }
  return mat4x4f(columnOfL(n, r), columnOfL(n, r + 1u), columnOfL(n, r + 2u), columnOfL(n, r + 3u));
}
