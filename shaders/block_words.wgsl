// The words of a weight in quantised blocks, for weight_blocks.wgsl.

@group(0) @binding(2) var<storage, read> b: array<u32>;

fn wordOfB(i: u32) -> u32 {
  return b[i];
}
