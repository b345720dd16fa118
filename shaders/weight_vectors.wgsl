// B of a matrix product, or the rows of an embedding, as numbers whose rows are whole vec4s. See weight_blocks.wgsl for the other kind.

@group(0) @binding(2) var<storage, read> b: array<vec4<ElemB>>;

// Numbers have no scale; an unused one costs nothing.
fn scaleOfB(element: u32, size: u32) -> vec2f {
  return vec2f();
}

// The numbers element … element + 3; `element` is a multiple of four.
fn valuesOfB(element: u32, scale: vec2f) -> vec4f {
  return vec4f(b[element >> 2u]);
}
