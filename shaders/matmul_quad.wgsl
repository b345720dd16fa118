// The exchange within a quad for matmul_register.wgsl, on adapters with subgroups: every lane gets the vectors of all four.
// Quads are four invocations with consecutive indices in a one-dimensional workgroup; the measurement that picks this variant for an
// adapter checks its results.

fn together(v: vec4f) -> mat4x4f {
  return mat4x4f(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u));
}
