// As block_words.wgsl, for products with up to three weights: p.buffer says which.

@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(7) var<storage, read> b1: array<u32>;
@group(0) @binding(8) var<storage, read> b2: array<u32>;

fn wordOfB(i: u32) -> u32 {
  if (p.buffer == 0u) { return b[i]; }
  if (p.buffer == 1u) { return b1[i]; }
  return b2[i];
}
