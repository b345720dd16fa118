/** The arithmetic of mixing: decompositions of products, and the random mask of DARE, of which PEFT draws other numbers. */
import { describe, expect, test } from 'vitest';
import { combine, type CombineOptions } from '../../../src/adapters/mix/combine.ts';
import { denseSvd } from '../../../src/adapters/mix/dense-svd.ts';
import { factorSvd } from '../../../src/adapters/mix/factor-svd.ts';
import { Random } from '../../../src/random.ts';

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

function vectors(count: number, length: number, seed: number): Float64Array[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => Float64Array.from({ length }, () => 2 * random.float() - 1));
}

/** Σᵢ left[i] · right[i]ᵀ, row by row. */
function sumOf(left: readonly Float64Array[], right: readonly Float64Array[]): number[] {
  return Array.from({ length: left[0].length * right[0].length }, (_, at) => {
    const [n, k] = [Math.floor(at / right[0].length), at % right[0].length];
    return left.reduce((sum, column, i) => sum + column[n] * right[i][k], 0);
  });
}

describe('the decomposition of a product', () => {
  const repeated = vectors(3, 12, 7);
  test.each([
    ['tall factors', vectors(4, 20, 1), vectors(4, 15, 2)],
    ['more inner columns than the matrix has rows', vectors(9, 5, 3), vectors(9, 30, 4)],
    ['more inner rows than the matrix has columns', vectors(9, 30, 3), vectors(9, 5, 4)],
    ['columns that depend on each other', [...repeated, ...repeated], vectors(6, 10, 5)],
    ['a factor of zeros', vectors(3, 8, 6).map((one) => one.fill(0)), vectors(3, 8, 8)],
    ['one number', vectors(1, 1, 1), vectors(1, 1, 2)],
  ])('gives the product again for %s', (_, left, right) => {
    const found = factorSvd(left, right);
    const again = sumOf(found.left, found.right);
    sumOf(left, right).forEach((value, i) => expect(Math.abs(again[i] - value)).toBeLessThan(1e-12));
    expect([...found.values]).toEqual([...found.values].sort((a, b) => b - a));
    found.right.forEach((row, i) => {
      found.right.forEach((other, j) => expect(dot(row, other)).toBeCloseTo(i === j ? 1 : 0, 12));
      expect(Math.sqrt(dot(found.left[i], found.left[i]))).toBeCloseTo(found.values[i], 12);
      found.left.forEach((other, j) => {
        if (i !== j) expect(dot(found.left[i], other)).toBeCloseTo(0, 12);
      });
    });
  });

  test('finds singular values that are known, small ones with all their digits', () => {
    // diag(1, 1e-9) between two rotations.
    const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
    const { values } = factorSvd(
      [Float64Array.of(c, s), Float64Array.of(-s * 1e-9, c * 1e-9)],
      [Float64Array.of(s, c), Float64Array.of(c, -s)],
    );
    expect(values[0]).toBeCloseTo(1, 14);
    expect(values[1] / 1e-9).toBeCloseTo(1, 6);
  });
});

describe('the decomposition of a whole matrix', () => {
  const matrix = (rows: number, columns: number, seed: number): Float32Array => {
    const random = new Random(seed);
    return Float32Array.from({ length: rows * columns }, () => 2 * random.float() - 1);
  };

  test.each([
    ['a wide matrix', matrix(7, 18, 1), 18],
    ['a tall matrix', matrix(18, 7, 2), 7],
    ['a square matrix', matrix(30, 30, 3), 30],
    ['one row', matrix(1, 9, 4), 9],
    ['one number', matrix(1, 1, 5), 1],
    ['zeros', new Float32Array(12), 4],
    ['equal numbers', new Float32Array(20).fill(0.5), 5],
    ['a matrix with equal singular values', Float32Array.of(3, 0, 0, 0, 3, 0, 0, 0, 3), 3],
  ])('gives %s again', (_, given, columns) => {
    const found = denseSvd(given, columns, given.length);
    const again = sumOf(found.left, found.right);
    given.forEach((value, i) => expect(Math.abs(again[i] - value)).toBeLessThan(1e-6));
    expect([...found.values]).toEqual([...found.values].sort((a, b) => b - a));
  });

  test('finds the values of the decomposition of its factors, and cuts after the rank', () => {
    const [left, right] = [vectors(5, 40, 6), vectors(5, 25, 7)];
    const wanted = factorSvd(left, right);
    const { values, left: columns, right: rows } = denseSvd(Float32Array.from(sumOf(left, right)), 25, 3);
    wanted.values.forEach((value, i) => expect(values[i] / value).toBeCloseTo(1, 6));
    expect(values[5] / values[0]).toBeLessThan(1e-6);
    expect([columns.length, rows.length]).toEqual([3, 3]);
    rows.forEach((row, i) => {
      expect(Math.abs(dot(row, wanted.right[i]))).toBeCloseTo(1, 6);
      expect(Math.sqrt(dot(columns[i], columns[i]))).toBeCloseTo(values[i], 6);
    });
  });
});

describe('the mask of DARE', () => {
  const N = 20_000;
  const ones = new Float32Array(N).fill(1);
  const masked = (seed: number, options: Partial<CombineOptions> = {}): Float32Array =>
    combine([ones], [1], {
      ...{ method: 'dare-linear', density: 0.3, majoritySign: 'total' },
      random: new Random(seed),
      ...options,
    });

  test('keeps the share that was asked for, and the mean', () => {
    const values = masked(1);
    const kept = values.filter((value) => value !== 0);
    // Six standard deviations of a binomial distribution.
    expect(Math.abs(kept.length / N - 0.3)).toBeLessThan(6 * Math.sqrt((0.3 * 0.7) / N));
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.3)]));
  });

  test('is the same with the same seed, and another with another', () => {
    expect(masked(1)).toEqual(masked(1));
    expect(masked(2)).not.toEqual(masked(1));
  });
});

test('magnitude pruning keeps exactly the share of equal numbers', () => {
  const options = { majoritySign: 'total', random: new Random(1) } as const;
  const equal = combine([Float32Array.of(1, -1, 1, -1, 2)], [1], {
    ...options,
    method: 'magnitude-prune',
    density: 0.6,
  });
  expect([...equal]).toEqual([1, -1, 0, 0, 2]);
});
