/** Mean, spread and share that passes, by hand; from which sum an answer passes. */
import { expect, test } from 'vitest';
import { sideOf } from '../../../src/evaluate/sides.ts';
import { recordOf } from '../../../src/evaluate/record.ts';
import { rewardScores } from '../../../src/evaluate/reward-scores.ts';
import { rewardStandings } from '../../../src/evaluate/tuned-table.ts';
import { passMarkOf } from '../../../src/scorers/rewards/reward.ts';

test('scores of several rows', () => {
  const { mean, spread, passed } = rewardScores([1, 0.5, 0, 1], 1);
  expect(mean).toBe(0.625);
  // (0.375² + 0.125² + 0.625² + 0.375²) / 3
  expect(spread).toBeCloseTo(Math.sqrt(0.6875 / 3), 12);
  expect(passed).toMatchObject({ count: 2, total: 4, fraction: 0.5 });
  expect(rewardScores([0.3], 1)).toMatchObject({ mean: 0.3, spread: 0, passed: { count: 0 } });
  // Three times 0.1 is not 0.3 in its last bit.
  expect(rewardScores([0.1 + 0.1 + 0.1], 0.3).passed.count).toBe(1);
});

test('an answer passes with the most that its rewards can give', () => {
  expect(passMarkOf([{ name: 'number-match' }, { name: 'format-tags', weight: 0.2 }])).toBe(1.2);
  // Lengths give 0 at most, and a reward that is taken off at least 0.
  expect(passMarkOf([{ name: 'length' }, { name: 'number-match', weight: -1 }])).toBe(0);
  expect(passMarkOf([{ name: 'javascript', weight: 2, code: '1' }])).toBe(2);
});

test('rewards stand to the best by the paired test, row by row', () => {
  const record = recordOf(
    { time: 0, model: { name: 'sprig', bundled: true } },
    [],
    [{ subject: { method: 'adapter', label: 'Captain' }, answers: [], scores: {} }],
    [],
  );
  const side = sideOf(record, 0);
  const of = (rewards: readonly number[]) => ({ side, rewards });
  const ten = (value: number): number[] => Array.from({ length: 10 }, () => value);
  const standings = rewardStandings([of(ten(0.2)), of(ten(0.9)), undefined, { side }]);
  expect(standings.map(({ standing }) => standing)).toEqual(['behind', 'best', undefined, undefined]);
  expect(standings[0].against).toMatchObject({ first: 0, second: 10 });
  const near = rewardStandings([of([1, 0, 1]), of([1, 1, 1])]);
  expect(near.map(({ standing }) => standing)).toEqual(['even', 'first']);
});
