/** The axis of the loss, linear and logarithmic. */
import { expect, test } from 'vitest';
import { heightOf, logTicks, axisRange } from '../../../src/app/train/axis.ts';

test('ticks of a logarithmic axis are round, within its range, and enough to read a value', () => {
  expect(logTicks(0.01, 7)).toEqual([0.01, 0.03, 0.1, 0.3, 1, 3]);
  expect(logTicks(0.0002, 7)).toEqual([0.001, 0.01, 0.1, 1]);
  expect(logTicks(0.15, 6.9)).toEqual([0.2, 0.5, 1, 2, 5]);
  expect(logTicks(1.4, 2.1)).toEqual([1.4, 1.6, 1.8, 2]);
  for (const [min, max] of [
    [0.9, 1.2],
    [2.2, 4],
    [0.00001, 9],
  ])
    for (const tick of logTicks(min, max)) expect(tick >= min && tick <= max).toBe(true);
});

test('a range has room above and below, in the measure of its axis', () => {
  const line = [null, 6.7, 1, 0.02];
  const [low, high] = axisRange([line], 6.7, 'log');
  expect(low).toBeLessThan(0.02);
  expect(low).toBeGreaterThan(0.01);
  expect(high).toBeGreaterThan(6.7);
  expect(high).toBeLessThan(12);
  const [floor, top] = axisRange([line], 6.7, 'linear');
  expect(floor).toBe(0);
  expect(top).toBeCloseTo(6.7 + 0.06 * 6.68, 2);
});

test('a logarithmic axis survives a loss of 0, and exists even without a loss', () => {
  const [low, high] = axisRange([[1, 0]], undefined, 'log');
  expect(low).toBeGreaterThan(0);
  expect(high).toBeGreaterThan(1);
  expect(heightOf(0, 'log')).toBeGreaterThan(-Infinity);
  expect(axisRange([[null]], undefined, 'log')).toEqual([0.1, 1]);
});

test('a line that hardly moves is not magnified', () => {
  const [low, high] = axisRange([[2, 2.01]], undefined, 'log');
  expect(high / low).toBeGreaterThan(1.29);
  expect(high / low).toBeLessThan(1.5);
});
