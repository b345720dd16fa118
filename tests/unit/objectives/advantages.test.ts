/** From rewards to the weights of tokens: numbers computed by hand. */
import { describe, expect, test } from 'vitest';
import { advantagesOf, groupOf, spreadOf, tokenWeights } from '../../../src/objectives/grpo/advantages.ts';
import { lengthsOf, sampledRow } from '../../../src/train/policy/sampled.ts';

test('the spread is a standard deviation with n − 1', () => {
  // Squares 2.25 + 0.25 + 0.25 + 2.25 = 5, over 3.
  expect(spreadOf([1, 2, 3, 4])).toEqual({ mean: 2.5, spread: Math.sqrt(5 / 3) });
  expect(spreadOf([0.1, 0.1, 0.1])).toEqual({ mean: 0.1, spread: 0 });
});

test.each([
  // √(½) within the first group; ½ over all four rewards, whose squares add up to 0.75.
  ['group', 0.5 / (Math.SQRT1_2 + 1e-4)],
  ['batch', 0.5 / (0.5 + 1e-4)],
  ['none', 0.5],
] as const)('advantages scaled by %s are differences to the mean of the group', (scale, expected) => {
  const [first, second] = advantagesOf([groupOf([0, 1]), groupOf([1, 1])], scale);
  expect(first[0]).toBeCloseTo(-expected, 12);
  expect(first[1]).toBeCloseTo(expected, 12);
  expect(second).toEqual([0, 0]);
});

describe('weights of tokens', () => {
  // Two micro-batches: answers of 2 and of 6 tokens with one that is left out, and an answer of 4.
  const lengths = [[2, 0, 6], [4]];
  test.each([
    ['grpo', [[1 / 2, 0, 1 / 6], [1 / 4]], 4],
    ['dr_grpo', [[1 / 10, 0, 1 / 10], [1 / 10]], 4],
    ['bnpo', [[1 / 8, 0, 1 / 8], [1 / 4]], 2],
    ['dapo', [[1, 0, 1], [1]], 12],
  ] as const)('%s', (lossType, weights, count) => {
    expect(tokenWeights(lossType, lengths, 10)).toEqual({ weights, count });
  });
});

test('an answer that is left out has no tokens that count', () => {
  const row = sampledRow(
    [7, 8],
    [
      { ids: [1, 2, 3], advantage: 1 },
      { ids: [4, 5], advantage: -1, left: true },
    ],
  );
  expect(row).toMatchObject({
    ids: [7, 8, 1, 2, 3, 7, 8, 4, 5],
    labels: [-100, -100, 1, 2, 3, -100, -100, 4, 5],
    starts: [5],
  });
  expect(lengthsOf([row])).toEqual([3, 0]);
});
