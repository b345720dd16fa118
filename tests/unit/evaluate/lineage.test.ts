/** The matrix of stages: what a fall is, what may be chance, and how measures are named. */
import { expect, test } from 'vitest';
import {
  fallInWords,
  forgottenAt,
  isReference,
  measureInWords,
  pairsNote,
  scoreValue,
  type StageRow,
  type StageScore,
} from '../../../src/evaluate/lineage.ts';

const loss = (value: number): StageScore['loss'] => ({
  ...{ loss: value, perplexity: Math.exp(value), supervisedTokens: 10, rows: 10 },
});
/** The first `many` of twenty are right. */
const right = (many: number): StageScore => ({
  right: many,
  byRow: Array.from({ length: 20 }, (_, at) => Number(at < many)),
});
const row = (scores: readonly StageScore[], more: Partial<StageRow> = {}): StageRow => ({
  ...{ name: 'first', stage: 0, rows: 20, base: {}, scores },
  ...more,
});

test('a fall counts as forgotten only where chance would hardly do as much', () => {
  const pairs = row([right(18), right(20), right(12), right(17)], { measure: 'pairs' });
  expect(forgottenAt(pairs, 0)).toBeUndefined();
  // Against the best since: 20 of 20. Eight pairs that only one has in order, p = 2 / 2⁸.
  expect(forgottenAt(pairs, 2)).toEqual({ right: 8, p: expect.closeTo(2 / 2 ** 8, 9) });
  expect(fallInWords(pairs, forgottenAt(pairs, 2)!)).toEqual({ words: '8 pairs', forgot: true });
  // Three of them, p = 2 / 2³.
  expect(fallInWords(pairs, forgottenAt(pairs, 3)!)).toEqual({
    words: '3 pairs, may be chance',
    forgot: false,
  });
  expect(fallInWords(pairs, forgottenAt(pairs, 1)!).words).toBe('');
});

test('answers of a report without rows are counted without a test', () => {
  const earlier = row([{ right: 9 }, { right: 8 }], { rows: 10 });
  expect(forgottenAt(earlier, 1)).toEqual({ right: 1 });
  expect(fallInWords(earlier, { right: 1 })).toEqual({ words: '1 answer', forgot: true });
});

test('the loss counts for answers, and not for pairs, whose chosen answers may become less likely', () => {
  const scores = [
    { ...right(5), loss: loss(1) },
    { ...right(5), loss: loss(1.5) },
  ];
  expect(fallInWords({}, forgottenAt(row(scores), 1)!)).toEqual({ words: 'loss +0.50', forgot: true });
  const pairs = row(scores, { measure: 'pairs' });
  expect(forgottenAt(pairs, 1)).toEqual({ right: 0, p: 1 });
  expect(fallInWords(pairs, forgottenAt(pairs, 1)!).words).toBe('');
});

test('a mean reward is compared row by row', () => {
  const rewards = (value: number): StageScore => ({ byRow: Array.from({ length: 8 }, () => value) });
  const of = row([rewards(0.75), rewards(0.25)], { measure: 'rewards', rows: 8 });
  expect(scoreValue(of, of.scores[0])).toBe(0.75);
  expect(forgottenAt(of, 1)).toEqual({ reward: 0.5, p: expect.closeTo(2 / 2 ** 8, 9) });
  expect(fallInWords(of, forgottenAt(of, 1)!)).toEqual({ words: '0.500 of the mean reward', forgot: true });
  // Two rows lost all, and eighteen gained a little: the mean fell, and the test speaks for the later stage.
  const uneven = row(
    [{ byRow: [1, 1, ...Array<number>(18).fill(0)] }, { byRow: [0, 0, ...Array<number>(18).fill(0.05)] }],
    { measure: 'rewards' },
  );
  expect(fallInWords(uneven, forgottenAt(uneven, 1)!)).toEqual({
    words: '0.055 of the mean reward, may be chance',
    forgot: false,
  });
});

test('a measure is named with its unit, and what pairs are compared with has none', () => {
  const stages = ['chat', 'short'];
  expect(measureInWords({}, stages)).toBe('answers exactly right');
  expect(measureInWords({ measure: 'pairs', reference: -1 }, stages)).toBe(
    'preference accuracy, against the base model',
  );
  expect(measureInWords({ measure: 'pairs', reference: 0 }, stages)).toBe(
    'preference accuracy, against “chat”',
  );
  expect(measureInWords({ measure: 'pairs' }, stages)).toBe('preference accuracy, by mean log-probability');
  expect(measureInWords({ measure: 'rewards' }, stages)).toBe('mean reward');
  expect(isReference({ measure: 'pairs', reference: 0 }, 0)).toBe(true);
  expect(isReference({ measure: 'pairs' }, -1)).toBe(false);
  // The stage that it started from has no number: what came later is compared with what there is.
  const after = row([{ loss: loss(1) }, right(9), right(4)], { stage: 1, measure: 'pairs', reference: 0 });
  expect(forgottenAt(after, 2)).toMatchObject({ right: 5 });
});

test('only a report of an earlier version lacks the pairs of a stage', () => {
  const stages = ['chat', 'short'];
  expect(pairsNote({ stages, rows: [row([], { stage: 1, pairs: true })] })).toContain(
    '“short” learned which',
  );
  expect(pairsNote({ stages, rows: [row([], { stage: 1, measure: 'pairs' })] })).toBeUndefined();
});
