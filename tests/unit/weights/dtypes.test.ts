import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  toFloat32,
} from '../../../src/weights/dtypes.ts';
import { graftError } from '../expect-graft-error.ts';

/** The value of f16 bits by IEEE 754's definition, in float64. */
function f16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Nearest of all values of a 16-bit format to x, ties to the even one, by trying the magnitudes in order. */
function nearest(x: number, valueOf: (bits: number) => number, infinity: number): number {
  if (Number.isNaN(x)) return NaN;
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(x);
  let low = 0;
  let high = infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (valueOf(middle) <= magnitude) low = middle;
    else high = middle;
  }
  if (magnitude === Infinity) return sign | infinity;
  // The format goes on past its largest number as if infinity were the next one.
  const above = high === infinity ? 2 * valueOf(infinity - 1) - valueOf(infinity - 2) : valueOf(high);
  const below = valueOf(low);
  const up =
    magnitude - below > above - magnitude || (magnitude - below === above - magnitude && low % 2 === 1);
  return sign | (up ? high : low);
}

const ALL = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

describe('f16', () => {
  it('all 65536 have the value that IEEE 754 gives them', () => {
    const values = float16ToFloat32(ALL);
    for (let bits = 0; bits < 65536; bits++)
      if (!Object.is(values[bits], f16Value(bits)))
        expect([bits, values[bits]]).toEqual([bits, f16Value(bits)]);
  });

  it('all 65536 come back; NaN as NaN', () => {
    const back = float32ToFloat16(float16ToFloat32(ALL));
    for (let bits = 0; bits < 65536; bits++) {
      if (Number.isNaN(f16Value(bits))) expect(Number.isNaN(f16Value(back[bits]))).toBe(true);
      else if (back[bits] !== bits) expect(back[bits]).toBe(bits);
    }
  });

  it('known values', () => {
    const values = [
      0,
      -0,
      1,
      -2,
      65504,
      65519.996,
      65520,
      1e10,
      2 ** -24,
      2 ** -25,
      1.0000001 * 2 ** -25,
      1 / 3,
      2 ** -14,
      1e-45,
      NaN,
    ];
    const bits = [
      0, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 0x7c00, 1, 0, 1, 0x3555, 0x0400, 0, 0x7e00,
    ];
    expect([...float32ToFloat16(Float32Array.from(values))]).toEqual(bits);
  });

  it('rounds to nearest, ties to even, like a search through all values', () => {
    const exact = fc.nat(65535).map((bits) => f16Value(bits));
    const between = fc.nat(0x7bfe).map((bits) => (f16Value(bits) + f16Value(bits + 1)) / 2);
    const any = fc.float({ noNaN: true });
    fc.assert(
      fc.property(fc.oneof(exact, between, any, fc.float({ min: -70000, max: 70000, noNaN: true })), (x) => {
        const [bits] = float32ToFloat16(Float32Array.of(x));
        if (Number.isNaN(x)) return Number.isNaN(f16Value(bits));
        return bits === nearest(Math.fround(x), f16Value, 0x7c00);
      }),
      { numRuns: 20000 },
    );
  });
});

describe('bf16', () => {
  const value = (bits: number): number => new Float32Array(Uint32Array.of(bits << 16).buffer)[0];

  it('all 65536 come back; NaN as NaN', () => {
    const values = bfloat16ToFloat32(ALL);
    const back = float32ToBfloat16(values);
    for (let bits = 0; bits < 65536; bits++) {
      if (Number.isNaN(values[bits])) expect(Number.isNaN(value(back[bits]))).toBe(true);
      else if (back[bits] !== bits) expect(back[bits]).toBe(bits);
    }
    expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc040, 0x7f80))]).toEqual([1, -3, Infinity]);
  });

  it('rounds to nearest, ties to even', () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true }),
        (x) => float32ToBfloat16(Float32Array.of(x))[0] === nearest(x, value, 0x7f80),
      ),
      { numRuns: 20000 },
    );
    // Halfway between 1 and the next one up, and between that and the one after.
    expect([...float32ToBfloat16(Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8))]).toEqual([0x3f80, 0x3f82]);
  });
});

describe('toFloat32', () => {
  it('reads bytes at any address', () => {
    const numbers = Float32Array.of(1.5, -2, 3e-5);
    const shifted = new Uint8Array(16);
    shifted.set(new Uint8Array(numbers.buffer), 3);
    expect(toFloat32(shifted.subarray(3, 15), 'F32')).toEqual(numbers);
    expect(toFloat32(new Uint8Array(Float64Array.of(0.1).buffer), 'F64')).toEqual(Float32Array.of(0.1));
    expect([...toFloat32(Uint8Array.of(9, 0x00, 0x3c).subarray(1), 'F16')]).toEqual([1]);
  });

  it('names a tensor of whole numbers', async () => {
    const error = await graftError(() => toFloat32(new Uint8Array(8), 'I64', 'a.b'), 'dtype-not-float');
    expect(error.what).toContain('a.b');
  });
});
