/** How many test rows show a difference, against numbers of SciPy (`binom`, `binomtest`) and against draws. */
import { expect, test } from 'vitest';
import { LEVEL } from '../../../src/evaluate/chance.ts';
import { mcnemar } from '../../../src/evaluate/paired.ts';
import { pointsSeen, powerOf, rowsNeeded } from '../../../src/evaluate/rows-needed.ts';
import { Random } from '../../../src/random.ts';

test.each([
  [140, 0.1, 0.7109867159666129],
  [160, 0.1, 0.7772475476864309],
  [170, 0.1, 0.8061023100022209],
  [32, 0.25, 0.6090937821730692],
  [32, 0.3, 0.7499967291400244],
])('%d rows see a difference of %d as often as SciPy says', (rows, difference, power) => {
  expect(powerOf(rows, difference)).toBeCloseTo(power, 9);
});

test('the power is how often drawn rows come out significant', () => {
  const random = new Random(5);
  const draws = 4000;
  let seen = 0;
  for (let draw = 0; draw < draws; draw++) {
    let [wins, losses] = [0, 0];
    for (let row = 0; row < 100; row++) {
      const luck = random.float();
      if (luck < 0.2) wins++;
      else if (luck < 0.25) losses++;
    }
    if (wins > losses && mcnemar(wins, losses) < LEVEL) seen++;
  }
  // Four standard deviations of the draws.
  expect(Math.abs(seen / draws - powerOf(100, 0.15))).toBeLessThan(4 * Math.sqrt(0.25 / draws));
});

test('ten points need 170 rows, a smaller difference more, and one point too many', () => {
  expect(rowsNeeded(0.1)).toBe(170);
  expect(rowsNeeded(0.05)).toBeGreaterThan(400);
  expect(rowsNeeded(0.01)).toBeUndefined();
});

test('many rows show few points, and five rows none', () => {
  expect(pointsSeen(170)).toBe(10);
  expect(pointsSeen(1000)).toBeLessThan(5);
  expect(pointsSeen(5)).toBeUndefined();
});
