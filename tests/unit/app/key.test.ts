/** The key of the curve covers no line: upper right, lower right, or under the chart. */
import { expect, test } from 'vitest';
import { settingsPlaceKey } from '../../../src/app/train/key.ts';

const KEY = { width: 210, height: 120 };
const place = (lines: (number | null)[][], base?: number, key = KEY): string =>
  settingsPlaceKey({ size: { width: 700, height: 468 }, letters: 13, range: [0, 7], lines, base }, key);

const STEPS = 60;
const falling = Array.from({ length: STEPS + 1 }, (_, step) => 6.6 * Math.exp(-step / 8));
const rising = falling.map((value) => 5 - value / 1.32);

test('a loss that falls from the base model leaves the upper right', () => {
  expect(place([falling], 6.6)).toBe('high');
  expect(place([falling.map((value, step) => (step < 3 ? value : null))], 6.6)).toBe('high');
});

test('a loss that rises leaves the lower right, unless the base model is there', () => {
  expect(place([rising])).toBe('low');
  expect(place([rising], 3)).toBe('low');
  expect(place([rising], 0.6)).toBe('under');
});

test('few points count with the lines between them', () => {
  expect(place([[null, 3.5, 5.5, 3.4]])).toBe('low');
  // Both are outside of the corner, and the line between them is not.
  expect(place([[null, 6.9, 6.9, 2]])).toBe('under');
});

test('a validation at the very end counts as much as a line', () => {
  const rings = [6.5, ...Array.from({ length: STEPS - 1 }, () => null), 0.5];
  expect(place([rising, rings])).toBe('under');
});

test('a key that is higher than its corner is placed under the chart', () => {
  expect(place([falling], 6.6, { width: 210, height: 400 })).toBe('under');
});
