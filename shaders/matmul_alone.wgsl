// Stands in for matmul_quad.wgsl if the adapter has no subgroups; matmul_register.wgsl never calls it with QUADS off.

fn together(v: vec4f) -> mat4x4f {
  return mat4x4f(v, v, v, v);
}
