// Rotary position embedding (Su et al., 2021) in the half-split order of Hugging Face's Llama.
//
//   y[m,h,i]     = scaling · (x[m,h,i] · cos t − x[m,h,i+r] · sin t)
//   y[m,h,i+r]   = scaling · (x[m,h,i+r] · cos t + x[m,h,i] · sin t)         t = positions[m] · inverseFrequencies[i]
//
// for i < r, the pairs of a head that turn; numbers after the first 2r of a head are unchanged. x: [M, H·D] f32. positions: [M]. inverseFrequencies:
// [r]. ropeInPlace turns x itself; ropeBackward gives y (+)= x turned the other way, for gradients that are shared with other tensors. A unit is a
// row: its cosines and sines are computed once, for all heads.
import { Read, Write } from './common';
import { at4, put4, store4 } from './vectors';

@unmanaged
class RopeArguments {
  positions: Read;
  inverseFrequencies: Read;
  turned: Write;
  x: Read;
  y: Write;
  H: i32;
  D: i32;
  pairs: i32;
  scaling: f32;
  accumulate: i32;
}

// π/2 in three parts (Cody and Waite, 1980). The first two have 8 and 11 bits, so that their products with up to 13 bits of quarters are exact.
const QUARTER_A: f32 = 1.5703125;
const QUARTER_B: f32 = 0.00048375129699707031;
const QUARTER_C: f32 = 7.549789948768648e-8;
const PER_QUARTER: f32 = 0.6366197723675814;

/** a · b + c in two roundings, with a constant c. */
function plus(a: v128, b: v128, c: f32): v128 {
  return f32x4.add(f32x4.mul(a, b), f32x4.splat(c));
}

/**
 * Writes the scaled cosines of a row's angles to `cosines`, and the sines after `sines`. Polynomials of Cephes (Moshier, sinf.c), which are accurate
 * to an f32 between −π/4 and π/4.
 */
function rotations(p: RopeArguments, m: i32, cosines: usize, sines: usize, direction: f32): void {
  const position = f32x4.splat(<f32>load<u32>(p.positions + at4(m)));
  for (let i = 0; i < p.pairs; i += 4) {
    const angle = f32x4.mul(position, v128.load(p.inverseFrequencies + at4(i)));
    const quarters = f32x4.nearest(f32x4.mul(angle, f32x4.splat(PER_QUARTER)));
    let t = f32x4.sub(angle, f32x4.mul(quarters, f32x4.splat(QUARTER_A)));
    t = f32x4.sub(t, f32x4.mul(quarters, f32x4.splat(QUARTER_B)));
    t = f32x4.sub(t, f32x4.mul(quarters, f32x4.splat(QUARTER_C)));
    const z = f32x4.mul(t, t);
    let sine = plus(z, f32x4.splat(-1.9515295891e-4), 8.3321608736e-3);
    sine = plus(z, sine, -1.6666654611e-1);
    sine = f32x4.add(t, f32x4.mul(f32x4.mul(t, z), sine));
    let cosine = plus(z, f32x4.splat(2.443315711809948e-5), -1.388731625493765e-3);
    cosine = plus(z, cosine, 4.166664568298827e-2);
    cosine = f32x4.add(plus(z, f32x4.splat(-0.5), 1.0), f32x4.mul(f32x4.mul(z, z), cosine));
    const n = i32x4.trunc_sat_f32x4_u(quarters);
    const one = i32x4.splat(1);
    const odd = i32x4.eq(v128.and(n, one), one);
    const turned = v128.bitselect(f32x4.neg(sine), cosine, odd);
    const other = v128.bitselect(cosine, sine, odd);
    // Quarters 2 and 3: both change their signs.
    const sign = i32x4.shl(i32x4.shr_u(n, 1), 31);
    const scaling = f32x4.splat(p.scaling);
    v128.store(cosines + at4(i), f32x4.mul(v128.xor(turned, sign), scaling));
    v128.store(sines + at4(i), f32x4.mul(v128.xor(other, sign), f32x4.mul(scaling, f32x4.splat(direction))));
  }
}

export function ropeInPlace(p: RopeArguments, first: i32, end: i32, scratch: usize): void {
  const pairs = p.pairs;
  const sines = scratch + at4((pairs + 3) & ~3);
  for (let m = first; m < end; m++) {
    rotations(p, m, scratch, sines, 1.0);
    for (let h = 0; h < p.H; h++) {
      const head = p.turned + at4((m * p.H + h) * p.D);
      for (let i = 0; i < pairs; i += 4) {
        const to = head + at4(i);
        const a = v128.load(to);
        const b = v128.load(to + at4(pairs));
        const cosine = v128.load(scratch + at4(i));
        const sine = v128.load(sines + at4(i));
        store4(to, f32x4.sub(f32x4.mul(a, cosine), f32x4.mul(b, sine)), pairs - i);
        store4(to + at4(pairs), f32x4.add(f32x4.mul(b, cosine), f32x4.mul(a, sine)), pairs - i);
      }
    }
  }
}

export function ropeBackward(p: RopeArguments, first: i32, end: i32, scratch: usize): void {
  const pairs = p.pairs;
  const sines = scratch + at4((pairs + 3) & ~3);
  const accumulate = p.accumulate;
  for (let m = first; m < end; m++) {
    rotations(p, m, scratch, sines, -1.0);
    for (let h = 0; h < p.H; h++) {
      const head = at4((m * p.H + h) * p.D);
      const x = p.x + head;
      const y = p.y + head;
      for (let i = 0; i < pairs; i += 4) {
        const a = v128.load(x + at4(i));
        const b = v128.load(x + at4(pairs + i));
        const cosine = v128.load(scratch + at4(i));
        const sine = v128.load(sines + at4(i));
        put4(y + at4(i), f32x4.sub(f32x4.mul(a, cosine), f32x4.mul(b, sine)), pairs - i, accumulate);
        put4(y + at4(pairs + i), f32x4.add(f32x4.mul(b, cosine), f32x4.mul(a, sine)), pairs - i, accumulate);
      }
      for (let i = 2 * pairs; i < p.D; i += 4) put4(y + at4(i), v128.load(x + at4(i)), p.D - i, accumulate);
    }
  }
}
