import { expect, test } from 'vitest';
import { compare, compareScores, mcnemar } from '../../../src/evaluate/paired.ts';

/** The test by its definition: the probability of every split of n fair coins that is as uneven or more so. */
function byDefinition(onlyFirst: number, onlySecond: number): number {
  const n = onlyFirst + onlySecond;
  const gap = Math.abs(onlyFirst - onlySecond);
  let sum = 0;
  for (let k = 0, ways = 1; k <= n; k++) {
    if (Math.abs(n - 2 * k) >= gap) sum += ways;
    ways = (ways * (n - k)) / (k + 1);
  }
  return sum / 2 ** n;
}

test('the exact McNemar test is its definition', () => {
  for (let first = 0; first <= 20; first++)
    for (let second = 0; second <= 20; second++)
      expect(mcnemar(first, second)).toBeCloseTo(byDefinition(first, second), 12);
});

test('values from whole numbers', () => {
  // 2 Σ C(n, k) / 2ⁿ in Python's integers.
  expect(mcnemar(5, 15)).toBeCloseTo(0.04138946533203125, 12);
  expect(mcnemar(44, 69)).toBeCloseTo(0.023534002126010038, 12);
  expect(mcnemar(1, 14)).toBeCloseTo(0.0009765625, 12);
  expect(mcnemar(0, 5)).toBe(0.0625);
  expect(mcnemar(0, 0)).toBe(1);
});

test('thousands of rows do not underflow', () => {
  expect(mcnemar(1500, 1500)).toBe(1);
  expect(mcnemar(1400, 1600)).toBeCloseTo(0.0002785639610392337, 10);
  expect(mcnemar(0, 3000)).toBe(0);
});

test('rows are counted by who is right', () => {
  const yes = true;
  const no = false;
  expect(compare([yes, yes, no, no, no], [yes, no, yes, yes, no])).toEqual({
    both: 1,
    onlyFirst: 1,
    onlySecond: 2,
    neither: 1,
    p: 1,
  });
  expect(() => compare([yes], [])).toThrow(RangeError);
});

test('scores are compared row by row, and equal ones say nothing', () => {
  expect(compareScores([1, 2, 3, 0, 4], [0, 2, 1, 5, 1])).toEqual({
    ...{ first: 3, second: 1, p: 0.625 },
    ...{ compared: 5, rows: 5 },
  });
  expect(() => compareScores([1], [])).toThrow(RangeError);
});

test('a row is compared only if both have a score for it', () => {
  // Without the gaps the rows would be 3 and 1, 2 and 4.
  expect(compareScores([3, null, 2, 5], [1, 4, null, undefined])).toEqual({
    ...{ first: 1, second: 0, p: 1 },
    ...{ compared: 1, rows: 4 },
  });
});
