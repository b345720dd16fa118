// Stands in for matmul_residual.wgsl in a dispatch with several products, whose binding holds another weight.

fn residualAt(place: u32) -> vec4f {
  return vec4f();
}
