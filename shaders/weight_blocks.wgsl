// B of a matrix product, or the rows of an embedding, in quantised blocks, unpacked where it is used. Its words are in block_words.wgsl.
//
//   FORMAT   block   run   each         value                       scales of a block
//   Q8_0     32      32    8 bits, q    q · d                       d f16
//   Q4_0     32      32    4 bits, q    (q − 8) · d                 d f16
//   Q4_1     32      32    4 bits, q    q · d + m                   d f16, m f16
//   NF4      64      64    4 bits, q    CODE[q] · d                 d f32
//   Q5_1     32      32    8 bits, q    q · d + m                   d f16, m f16
//   Q2_K     256     16    4 bits, q    q · (d · s) − dmin · m      d f16, dmin f16, 16 bytes: s in the low four bits, m in the high four
//   Q3_K     256     16    4 bits, q    (q − 4) · (d · s)           d f16, nothing,  16 bytes: s
//   Q4_K     256     32    4 bits, q    q · (d · s) − dmin · m      d f16, dmin f16, 8 pairs of bytes: s, m
//   Q5_K     256     32    8 bits, q    q · (d · s) − dmin · m      d f16, dmin f16, 8 pairs of bytes: s, m
//   Q6_K     256     16    8 bits, q    q · (d · s)                 d f16, nothing,  16 bytes: s
//
// The content of llama.cpp's blocks and bitsandbytes' NF4, reordered for words: first the quants of all `size` numbers, row by row, the
// first number of a word in its lowest bits; then the scales of all blocks. Quants of eight bits are signed, as is s of Q3_K and Q6_K. Rows are
// whole blocks. Every value is the f32 that llama.cpp and bitsandbytes give: all products are exact, and one rounding is left.
//
// A run is the numbers that share a scale. The caller loads it once for as many of them as it needs, as (factor, offset): values are q · factor +
// offset.

override FORMAT: u32 = 0;
// Numbers of the whole matrix if only its first rows are read; 0 if all are.
override SIZE: u32 = 0;
const Q8_0 = 0u;
const Q4_0 = 1u;
const Q4_1 = 2u;
const NF4 = 3u;
const Q5_1 = 4u;
const Q2_K = 5u;
const Q3_K = 6u;
const Q4_K = 7u;
const Q5_K = 8u;
const Q6_K = 9u;

fn hasBytes() -> bool {
  return FORMAT == Q8_0 || FORMAT == Q5_1 || FORMAT == Q5_K || FORMAT == Q6_K;
}

// The scale of the run that holds `element`.
fn scaleOfB(element: u32, size: u32) -> vec2f {
  let all = select(size, SIZE, SIZE != 0u);
  let scales = select(all >> 3u, all >> 2u, hasBytes());
  if (FORMAT == NF4) { return vec2f(bitcast<f32>(wordOfB(scales + (element >> 6u))), 0); }
  if (FORMAT == Q4_1 || FORMAT == Q5_1) { return unpack2x16float(wordOfB(scales + (element >> 5u))); }
  if (FORMAT >= Q2_K) { return scaleOfRun(scales + (element >> 8u) * 5u, (element >> 4u) & 15u); }
  // Two blocks to a word.
  let both = unpack2x16float(wordOfB(scales + (element >> 6u)));
  let factor = select(both.x, both.y, (element & 32u) != 0u);
  return vec2f(factor, select(-8.0 * factor, 0.0, FORMAT == Q8_0));
}

// Two f16 of a word. d of blocks of 256 is often subnormal, which unpack2x16float may treat as zero.
fn halvesOf(word: u32) -> vec2f {
  let bits = vec2u(word & 0xffffu, word >> 16u);
  let exponent = (bits >> vec2u(10u)) & vec2u(31u);
  let digits = (bits & vec2u(1023u)) + select(vec2u(1024u), vec2u(), exponent == vec2u());
  let power = bitcast<vec2f>((max(exponent, vec2u(1u)) + vec2u(102u)) << vec2u(23u)); // 2 to the exponent − 25
  return vec2f(digits) * select(power, -power, (bits & vec2u(0x8000u)) != vec2u());
}

// The scale of a block's numbers from 16 · sixteen on; its scales start at word `at`.
fn scaleOfRun(at: u32, sixteen: u32) -> vec2f {
  let d = halvesOf(wordOfB(at));
  let word = wordOfB(at + 1u + (sixteen >> 2u));
  if (FORMAT == Q4_K || FORMAT == Q5_K) {
    let pair = (vec2u(word >> ((sixteen & 2u) << 3u)) >> vec2u(0u, 8u)) & vec2u(255u);
    return vec2f(d.x, -d.y) * vec2f(pair);
  }
  let byte = word >> ((sixteen & 3u) << 3u);
  if (FORMAT == Q2_K) { return vec2f(d.x, -d.y) * vec2f((vec2u(byte) >> vec2u(0u, 4u)) & vec2u(15u)); }
  let factor = d.x * f32(bitcast<i32>(byte << 24u) >> 24u);
  return vec2f(factor, select(0.0, -4.0 * factor, FORMAT == Q3_K));
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
  if (hasBytes()) {
    let word = wordOfB(element >> 2u);
    let q = vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
    if (FORMAT == Q8_0 || FORMAT == Q6_K) { return q * scale.x; }
    return fma(q, vec4f(scale.x), vec4f(scale.y));
  }
  let word = wordOfB(element >> 3u) >> ((element & 4u) << 2u);
  let q = (vec4u(word) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
  if (FORMAT == NF4) { return codeOf(q) * scale.x; }
  return fma(vec4f(q), vec4f(scale.x), vec4f(scale.y));
}

fn valueOfB(element: u32, size: u32) -> f32 {
  return valuesOfB(element & ~3u, scaleOfB(element, size))[element & 3u];
}
