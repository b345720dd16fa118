// Matrix product of any shape, one output a thread: for sides that are not multiples of four, and as the reference for other kernels on a device. B
// is in weight_scalars.wgsl or weight_blocks.wgsl.
//
//   C[M,N] = scale · op(A)·op(B)  + loraScale · Z·op(L)  + bias  + residual  (+ C)
//
//   layout   A        B        L
//   NT       [M,K]    [N,K]    [N,R]
//   NN       [M,K]    [K,N]    [R,N]
//   TN       [K,M]    [K,N]    [R,N]
//
// Z [M,R]; bias f32 [N]; residual as C. All row-major, sums f32. pitchA, pitchC: elements from one row of A and of C to the next.

struct Params { M: u32, N: u32, K: u32, R: u32, pitchA: u32, pitchC: u32, part: u32, scale: f32, loraScale: f32 }

override TRANSPOSED_A: bool = false;
override TRANSPOSED_B: bool = false;
override LOW_RANK: bool = false;
override BIAS: bool = false;
override RESIDUAL: bool = false;
override ACCUMULATE: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ElemA>;
@group(0) @binding(3) var<storage, read_write> c: array<ElemC>;
@group(0) @binding(4) var<storage, read> z: array<ElemZ>;
@group(0) @binding(5) var<storage, read> l: array<ElemL>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read> residual: array<ElemC>;

// z over parts of K, as in the other families.
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) at: vec3u) {
  let n = at.x;
  let m = at.y;
  if (m >= params.M || n >= params.N) { return; }
  let start = at.z * params.part;
  let end = min(start + params.part, params.K);
  var sum = 0.0;
  for (var k = start; k < end; k++) {
    let x = f32(a[select(m * params.pitchA + k, k * params.pitchA + m, TRANSPOSED_A)]);
    let y = valueOfB(select(k * params.N + n, n * params.K + k, TRANSPOSED_B), params.N * params.K);
    sum += x * y;
  }
  sum *= params.scale;
  if (LOW_RANK) {
    var low = 0.0;
    for (var r = 0u; r < params.R; r++) {
      low += f32(z[m * params.R + r]) * f32(l[select(r * params.N + n, n * params.R + r, TRANSPOSED_B)]);
    }
    sum += low * params.loraScale;
  }
  let place = m * params.pitchC + n;
  if (BIAS) { sum += bias[n]; }
  if (RESIDUAL) { sum += f32(residual[place]); }
  let index = at.z * params.M * params.pitchC + place;
  if (ACCUMULATE) { sum += f32(c[index]); }
  c[index] = ElemC(sum);
}
