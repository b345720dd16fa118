// Helpers of all kernels. Functions this small are inlined by the compiler.

/** A tensor that a kernel reads, by address; 0 if it is missing. */
export type Read = usize;
/** A tensor that a kernel writes, and may read before. */
export type Write = usize;

/** Number formats: `storedAs` in ../command.ts. */
export const F32 = 0;
export const F16 = 1;

/** a · b + c. With relaxed SIMD in one rounding if the processor can, else in two. */
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

/** x, or the bound that it is beyond. NaN stays NaN. The pseudo-minimum is one instruction of x64, the minimum several. */
export function clamped(x: v128, low: f32, high: f32): v128 {
  return f32x4.pmin(f32x4.pmax(x, f32x4.splat(low)), f32x4.splat(high));
}

/** Whole numbers within 32 bits as integers. Any integer for NaN. */
export function integers(x: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i32x4.relaxed_trunc_f32x4_s(x) : i32x4.trunc_sat_f32x4_s(x);
}

/** The sum of the four lanes. */
export function sum4(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) +
    f32x4.extract_lane(x, 1) +
    (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

/** The largest of the four lanes. */
export function max4(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

// Constants of exp4. Loading one is an instruction; V8 makes one in a register of three to five.
const EXP = memory.data<f32>([
  // Beyond these bounds the result is 0 or infinite.
  -104.0,
  89.0,
  // 1 / ln 2, and ln 2 in two parts: the first has few bits, so that its multiples are exact (Cody and Waite, 1980).
  1.4426950408889634,
  0.693359375,
  -2.1219444e-4,
  // 1 / 7! to 1 / 0!
  1.0 / 5040.0,
  1.0 / 720.0,
  1.0 / 120.0,
  1.0 / 24.0,
  1.0 / 6.0,
  0.5,
  1.0,
]);
const BIAS = memory.data<i32>([127]);

/**
 * eˣ of four numbers: x = n · ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for eʳ (the Taylor series to the seventh power, whose rest is below a
 * tenth of the last place), then 2ⁿ in two factors, since n may be beyond what one exponent holds. NaN stays NaN.
 */
export function exp4(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, v128.load_splat<f32>(EXP)), v128.load_splat<f32>(EXP, 4));
  const n = f32x4.nearest(f32x4.mul(bounded, v128.load_splat<f32>(EXP, 8)));
  let r = f32x4.sub(bounded, f32x4.mul(n, v128.load_splat<f32>(EXP, 12)));
  r = f32x4.sub(r, f32x4.mul(n, v128.load_splat<f32>(EXP, 16)));
  let p = v128.load_splat<f32>(EXP, 20);
  p = madd(p, r, v128.load_splat<f32>(EXP, 24));
  p = madd(p, r, v128.load_splat<f32>(EXP, 28));
  p = madd(p, r, v128.load_splat<f32>(EXP, 32));
  p = madd(p, r, v128.load_splat<f32>(EXP, 36));
  p = madd(p, r, v128.load_splat<f32>(EXP, 40));
  p = madd(f32x4.mul(p, r), r, f32x4.add(r, v128.load_splat<f32>(EXP, 44)));
  const whole = integers(n);
  const half = i32x4.shr_s(whole, 1);
  const bias = v128.load_splat<i32>(BIAS);
  const low = i32x4.shl(i32x4.add(half, bias), 23);
  const high = i32x4.shl(i32x4.add(i32x4.sub(whole, half), bias), 23);
  return f32x4.mul(f32x4.mul(p, low), high);
}

/** eˣ of one number, with the bits that `exp4` gives it. */
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** Four f16 as f32, exactly. */
export function halves4(address: usize): v128 {
  const bits = v128.load16x4_u(address);
  const rest = v128.and(bits, i32x4.splat(0x7fff));
  // The exponent is 112 too small after the shift: a product with 2¹¹² mends it, of subnormal numbers, too.
  const scaled = f32x4.mul(i32x4.shl(rest, 13), f32x4.splat(5.192296858534828e33));
  const special = v128.and(i32x4.gt_s(rest, i32x4.splat(0x7bff)), i32x4.splat(0x7f800000));
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  return v128.or(v128.or(scaled, special), sign);
}

/** One f16 as f32, exactly. */
export function half1(address: usize): f32 {
  const bits = <u32>load<u16>(address);
  const rest = bits & 0x7fff;
  const scaled = reinterpret<f32>(rest << 13) * <f32>5.192296858534828e33;
  const special: u32 = rest > 0x7bff ? 0x7f800000 : 0;
  return reinterpret<f32>(reinterpret<u32>(scaled) | special | ((bits & 0x8000) << 16));
}

/** The nearest f16 of a number, ties to even. */
export function toHalf(value: f32): u16 {
  const bits = reinterpret<u32>(value);
  const sign = (bits >> 16) & 0x8000;
  const rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return <u16>(sign | 0x7e00);
  // From 65520 on, the nearest is infinite.
  if (rest >= 0x477ff000) return <u16>(sign | 0x7c00);
  // Below 2⁻¹⁴ an f16 counts multiples of 2⁻²⁴: adding 0.5, whose last place that is, rounds to them.
  if (rest < 0x38800000)
    return <u16>(sign | (reinterpret<u32>(reinterpret<f32>(rest) + <f32>0.5) - 0x3f000000));
  const odd = (rest >> 13) & 1;
  return <u16>(sign | ((rest - 0x38000000 + 0xfff + odd) >> 13));
}

/** Element i of a tensor of numbers. */
export function numberAt(tensor: usize, type: i32, i: i32): f32 {
  return type === F32 ? load<f32>(tensor + ((<usize>i) << 2)) : half1(tensor + ((<usize>i) << 1));
}

/** Sets element i of a tensor of numbers. */
export function setNumber(tensor: usize, type: i32, i: i32, value: f32): void {
  if (type === F32) store<f32>(tensor + ((<usize>i) << 2), value);
  else store<u16>(tensor + ((<usize>i) << 1), toHalf(value));
}
