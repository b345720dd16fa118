/** Which answer of a pair is preferred, and which rows are pairs. The likelihoods themselves are checked in tests/engine/objectives.test.ts. */
import { expect, test } from 'vitest';
import { preferredPairs, referenceOf, type PairLikelihoods } from '../../../src/evaluate/pair-order.ts';
import { chosenRow, pairRowsOf } from '../../../src/evaluate/pairs.ts';
import type { LabelledTokens } from '../../../src/model/batch.ts';

const pair = (chosen: [number, number], rejected: [number, number]): PairLikelihoods => ({
  chosen: { logp: chosen[0], tokens: chosen[1] },
  rejected: { logp: rejected[0], tokens: rejected[1] },
});

test('the log-ratios decide if there is a reference, and otherwise the means over tokens', () => {
  const policy = [pair([-8, 8], [-3, 2]), pair([-2, 2], [-6, 8])];
  // Means: −1 against −1.5, and −1 against −0.75.
  expect(preferredPairs(policy)).toEqual([true, false]);
  const reference = [pair([-7, 8], [-6, 2]), pair([-4, 2], [-7, 8])];
  // Ratios: −1 against 3, and 2 against 1.
  expect(preferredPairs(policy, reference)).toEqual([false, true]);
  // The reference itself prefers neither.
  expect(preferredPairs(policy, policy)).toEqual([false, false]);
});

test('the reference is that of the run, if its objective has one', () => {
  expect(referenceOf({ objective: 'dpo', starts: true })).toBe('start');
  expect(referenceOf({ objective: 'ipo', starts: true, reference: 'base' })).toBe('base');
  expect(referenceOf({ objective: 'kto', starts: false })).toBe('base');
  expect(referenceOf({ objective: 'simpo', starts: true })).toBeUndefined();
});

test('answers with labels make a pair where one prompt has both kinds', () => {
  const judged = (prompt: number, answer: number, desirable: boolean): LabelledTokens => ({
    ...{ ids: [1, prompt, answer], labels: [-100, -100, answer], desirable },
  });
  const rows = [judged(5, 10, true), judged(6, 11, true), judged(5, 12, false), judged(7, 13, false)];
  expect(pairRowsOf(rows)).toEqual([
    { ids: [1, 5, 10, 1, 5, 12], labels: [-100, -100, 10, -100, -100, 12], starts: [3] },
  ]);
  const whole: LabelledTokens = { ids: [1, 2, 1, 3], labels: [-100, 2, -100, 3], starts: [2] };
  expect(pairRowsOf([whole, { ids: [1, 2], labels: [-100, 2] }])).toEqual([whole]);
});

test('the loss of a pair is that of its chosen answer', () => {
  const row = { ids: [1, 2, 1, 3], labels: [-100, 2, -100, 3], starts: [2], line: 7 };
  expect(chosenRow(row)).toEqual({ ids: [1, 2], labels: [-100, 2], line: 7 });
  const single = { ids: [1, 2], labels: [-100, 2] };
  expect(chosenRow(single)).toBe(single);
});
