// As weight_vectors.wgsl, for products with up to three weights: p.buffer says which.

@group(0) @binding(2) var<storage, read> b: array<vec4<ElemB>>;
@group(0) @binding(7) var<storage, read> b1: array<vec4<ElemB>>;
@group(0) @binding(8) var<storage, read> b2: array<vec4<ElemB>>;

fn scaleOfB(element: u32, size: u32) -> vec2f {
  return vec2f();
}

fn valuesOfB(element: u32, scale: vec2f) -> vec4f {
  let i = element >> 2u;
  if (p.buffer == 0u) { return vec4f(b[i]); }
  if (p.buffer == 1u) { return vec4f(b1[i]); }
  return vec4f(b2[i]);
}
