// B of a matrix product, or the rows of an embedding, in quantised blocks, unpacked where it is used.
//
//   FORMAT   numbers of a block   each         value            scale of a block
//   Q8_0     32                   8 bits, q    q · d            d f16
//   Q4_0     32                   4 bits, q    (q − 8) · d      d f16
//   Q4_1     32                   4 bits, q    q · d + m        d f16, m f16
//   NF4      64                   4 bits, q    CODE[q] · d      d f32
//
// As llama.cpp's blocks and bitsandbytes' NF4, in another order, for words: first the quants of all `size` numbers, row by row, the first
// number of a word in its lowest bits; then the scales of all blocks. Rows are whole blocks. Every value is the f32 that llama.cpp and
// bitsandbytes give: q · d is exact, and one rounding is left.
//
// A scale is taken once for as many numbers as the caller likes, as (factor, offset): values are q · factor + offset.

override FORMAT: u32 = 0;
const Q8_0 = 0u;
const Q4_0 = 1u;
const Q4_1 = 2u;
const NF4 = 3u;

@group(0) @binding(2) var<storage, read> b: array<u32>;

// The scale of the block that holds `element`.
fn scaleOfB(element: u32, size: u32) -> vec2f {
  if (FORMAT == NF4) { return vec2f(bitcast<f32>(b[(size >> 3u) + (element >> 6u)]), 0); }
  if (FORMAT == Q4_1) { return unpack2x16float(b[(size >> 3u) + (element >> 5u)]); }
  // Two blocks to a word.
  let words = select(size >> 3u, size >> 2u, FORMAT == Q8_0);
  let both = unpack2x16float(b[words + (element >> 6u)]);
  let factor = select(both.x, both.y, (element & 32u) != 0u);
  return vec2f(factor, select(-8.0 * factor, 0.0, FORMAT == Q8_0));
}

// The sixteen numbers of NF4 (Dettmers et al., 2023): halves, quarters … by the bits of q, which costs less than an array that has to be
// indexed lane by lane.
fn codeOf(q: vec4u) -> vec4f {
  let one = (q & vec4u(1u)) != vec4u();
  let two = (q & vec4u(2u)) != vec4u();
  let four = (q & vec4u(4u)) != vec4u();
  let low = select(
    select(select(vec4f(-1.0), vec4f(-0.6961928009986877), one), select(vec4f(-0.5250730514526367), vec4f(-0.39491748809814453), one), two),
    select(select(vec4f(-0.28444138169288635), vec4f(-0.18477343022823334), one), select(vec4f(-0.09105003625154495), vec4f(), one), two),
    four,
  );
  let high = select(
    select(select(vec4f(0.07958029955625534), vec4f(0.16093020141124725), one), select(vec4f(0.24611230194568634), vec4f(0.33791524171829224), one), two),
    select(select(vec4f(0.44070982933044434), vec4f(0.5626170039176941), one), select(vec4f(0.7229568362236023), vec4f(1.0), one), two),
    four,
  );
  return select(low, high, q > vec4u(7u));
}

// The numbers element … element + 3; `element` is a multiple of four.
fn valuesOfB(element: u32, scale: vec2f) -> vec4f {
  if (FORMAT == Q8_0) {
    let word = b[element >> 2u];
    return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)) * scale.x;
  }
  let word = b[element >> 3u] >> ((element & 4u) << 2u);
  let q = (vec4u(word) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
  if (FORMAT == NF4) { return codeOf(q) * scale.x; }
  return fma(vec4f(q), vec4f(scale.x), vec4f(scale.y));
}

fn valueOfB(element: u32, size: u32) -> f32 {
  return valuesOfB(element & ~3u, scaleOfB(element, size))[element & 3u];
}
