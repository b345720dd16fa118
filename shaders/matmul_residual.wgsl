// The residual of a dispatch with one product: see matmul_problems.wgsl.

@group(0) @binding(7) var<storage, read> residual: array<vec4<ElemC>>;

fn residualAt(place: u32) -> vec4f {
  return vec4f(residual[place >> 2u]);
}
