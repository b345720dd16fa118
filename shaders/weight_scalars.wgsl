// B of a matrix product, or the rows of an embedding, one number at a time: for rows of any length.

@group(0) @binding(2) var<storage, read> b: array<ElemB>;

fn valueOfB(element: u32, size: u32) -> f32 {
  return f32(b[element]);
}
