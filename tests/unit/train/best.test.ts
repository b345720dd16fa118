import { expect, test } from 'vitest';
import { Best } from '../../../src/train/best.ts';
import type { NamedArrays } from '../../../src/train/state.ts';

const valuesAt = (step: number): NamedArrays => new Map([['w', Float32Array.of(step)]]);

/** Judges losses in turn, and says of each whether it was the best, with the validations since and the step of the best values. */
async function judged(best: Best, losses: readonly number[], firstStep = 1): Promise<unknown[]> {
  const said: unknown[] = [];
  for (const [at, loss] of losses.entries()) {
    const isBest = await best.judge(loss, () => Promise.resolve(valuesAt(firstStep + at)));
    said.push([isBest, best.since, best.loss, best.values?.get('w')?.[0]]);
  }
  return said;
}

test('the lowest loss is the best, its values are kept, and a better one renews patience', async () => {
  expect(await judged(new Best(), [3, 2, 2.5, 2, NaN, 1, 4])).toEqual([
    [true, 0, 3, 1],
    [true, 0, 2, 2],
    [false, 1, 2, 2],
    [false, 2, 2, 2],
    [false, 3, 2, 2],
    [true, 0, 1, 6],
    [false, 1, 1, 6],
  ]);
});

test('a loss that is not finite is never the best', async () => {
  expect(await judged(new Best(), [Infinity, NaN, 5])).toEqual([
    [false, 1, undefined, undefined],
    [false, 2, undefined, undefined],
    [true, 0, 5, 3],
  ]);
});

test('it continues to count where it was once it is restored', async () => {
  const saved = new Best();
  await judged(saved, [3, 4, 5]);
  const { bestEvalLoss, evaluationsSinceBest } = saved.counters;
  expect([bestEvalLoss, evaluationsSinceBest]).toEqual([3, 2]);
  const restored = new Best();
  restored.restore({
    counters: { step: 3, steps: 9, seed: 1, bestEvalLoss, evaluationsSinceBest },
    best: saved.values,
    start: undefined,
  });
  expect(await judged(restored, [3.5, 2], 4)).toEqual([
    [false, 3, 3, 1],
    [true, 0, 2, 5],
  ]);
});
