/** f16 and bf16, both ways. Arrays of bits in, arrays of numbers out. Hosts are little-endian. */

/** Views of one word: the bits of a float. */
const WORD_F32 = new Float32Array(1);
const WORD_U32 = new Uint32Array(WORD_F32.buffer);

let f16Table: Uint32Array | undefined;

/** f32 bits of every f16: 256 kB, made once; a look-up is several times faster than taking the bits apart. */
function f16ToF32Bits(): Uint32Array {
  if (f16Table) return f16Table;
  const table = new Uint32Array(0x10000);
  for (let bits = 0; bits < 0x10000; bits++) {
    const sign = (bits & 0x8000) << 16;
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) {
      table[bits] = sign | 0x7f800000 | (fraction << 13);
    } else if (exponent !== 0) {
      table[bits] = sign | ((exponent + 112) << 23) | (fraction << 13);
    } else {
      // Zero or subnormal: fraction · 2⁻²⁴, exact in f32.
      WORD_F32[0] = fraction * 2 ** -24;
      table[bits] = sign | WORD_U32[0];
    }
  }
  return (f16Table = table);
}

/** The f16 at byte `at`, which need not be aligned. */
export function float16At(bytes: Uint8Array, at: number): number {
  WORD_U32[0] = f16ToF32Bits()[bytes[at] | (bytes[at + 1] << 8)];
  return WORD_F32[0];
}

/** The same numbers in f32. */
export function float16ToFloat32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const table = f16ToF32Bits();
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]];
  return new Float32Array(out.buffer);
}

/** The same numbers in f32. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i] << 16;
  return new Float32Array(out.buffer);
}

/** f16 bits of f32 bits: to nearest, ties to even; overflow to infinity; subnormals kept; NaN stays NaN. */
function f16Bits(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude >= 0x47800000) {
    // 2¹⁶ and more, infinity, NaN (made quiet, the top of its payload kept).
    if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    return sign | 0x7c00;
  }
  if (magnitude >= 0x38800000) {
    // Normal: drop 13 bits, rounding; a carry runs on into the exponent, up to infinity, as it should.
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x33000000) return sign; // below 2⁻²⁵: rounds to zero
  // Subnormal: fraction with its hidden bit, shifted so that one unit is 2⁻²⁴.
  const shift = 126 - (magnitude >>> 23);
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** f16 bits, rounded to nearest, ties to even. */
export function float32ToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) out[i] = f16Bits(bits[i]);
  return out;
}

/** bf16 bits, rounded to nearest, ties to even; NaN stays NaN. */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i];
    if ((x & 0x7fffffff) > 0x7f800000) out[i] = (x >>> 16) | 0x40;
    else out[i] = (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return out;
}
