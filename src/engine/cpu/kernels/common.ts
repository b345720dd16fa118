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

const LOG2_E: f32 = 1.4426950408889634;
// ln 2 in two parts: the first has few bits, so that its multiples are exact (Cody and Waite, 1980).
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;
// Beyond these the result is 0 or infinite.
const LOWEST_POWER: f32 = -104.0;
const HIGHEST_POWER: f32 = 89.0;

/**
 * eˣ of four numbers: x = n · ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for eʳ (the Taylor series to the seventh power, whose rest is below a
 * tenth of the last place), then 2ⁿ in two factors, since n may be beyond what one exponent holds. NaN stays NaN.
 */
export function exp4(x: v128): v128 {
  const bounded = f32x4.min(f32x4.max(x, f32x4.splat(LOWEST_POWER)), f32x4.splat(HIGHEST_POWER));
  const n = f32x4.nearest(f32x4.mul(bounded, f32x4.splat(LOG2_E)));
  let r = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let p = f32x4.splat(1.0 / 5040.0);
  p = madd(p, r, f32x4.splat(1.0 / 720.0));
  p = madd(p, r, f32x4.splat(1.0 / 120.0));
  p = madd(p, r, f32x4.splat(1.0 / 24.0));
  p = madd(p, r, f32x4.splat(1.0 / 6.0));
  p = madd(p, r, f32x4.splat(0.5));
  p = madd(f32x4.mul(p, r), r, f32x4.add(r, f32x4.splat(1.0)));
  const whole = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(whole, 1);
  const bias = i32x4.splat(127);
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
