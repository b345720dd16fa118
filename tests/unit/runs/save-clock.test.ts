/** When a run saves its state. */
import { expect, test } from 'vitest';
import { readSaveEvery } from '../../../src/cli/save-every.ts';
import { SaveClock, type SaveEvery } from '../../../src/runs/save-clock.ts';

/** A clock that the test moves. */
function clockOf(every: SaveEvery, step?: number) {
  const time = { now: 0 };
  const clock = new SaveClock(every, step, () => time.now);
  const save = (at: number, cost = 0): Promise<void> =>
    clock.save(at, async () => {
      time.now += cost;
    });
  return { clock, time, save };
}

test('the flag asks for steps or for time', () => {
  expect(readSaveEvery('20')).toEqual({ steps: 20 });
  expect(readSaveEvery('90s')).toEqual({ milliseconds: 90_000 });
  expect(readSaveEvery('5m')).toEqual({ milliseconds: 300_000 });
  for (const text of ['0', '-1', '1.5', '5h', 'm', ''])
    expect(() => readSaveEvery(text)).toThrow(/--save-every/);
});

test('it saves at an interval of steps, once each', async () => {
  const { clock, save } = clockOf({ steps: 20 });
  expect([0, 19, 20].map((step) => clock.stepsLeft(step))).toEqual([20, 1, 20]);
  expect([0, 19, 20, 40].map((step) => clock.due(step))).toEqual([false, false, true, true]);
  await save(20);
  expect([20, 21, 40].map((step) => clock.due(step))).toEqual([false, false, true]);
});

test('it saves every five minutes by default, and less often if saving takes long', async () => {
  const { clock, time, save } = clockOf(readSaveEvery(undefined));
  expect(clock.stepsLeft(3)).toBeUndefined();
  time.now = 299_999;
  expect(clock.due(3)).toBe(false);
  time.now = 300_000;
  expect(clock.due(3)).toBe(true);
  await save(3, 60_000);
  time.now += 1_199_999;
  expect(clock.due(9)).toBe(false);
  time.now++;
  expect(clock.due(9)).toBe(true);
});

test('it may save before the first step, the first steps soon, and later where there are many of them', async () => {
  const every = { milliseconds: 30_000, soon: { steps: 50, milliseconds: 5_000 }, atStart: true };
  const { clock, time, save } = clockOf(every);
  expect(clock.dueAtStart).toBe(true);
  await save(0);
  expect(clock.dueAtStart).toBe(false);
  time.now = 4_999;
  expect(clock.due(2)).toBe(false);
  time.now = 5_000;
  // Without a new step there is nothing to save.
  expect([0, 1].map((step) => clock.due(step))).toEqual([false, true]);
  await save(2);
  time.now += 5_000;
  expect([51, 52].map((step) => clock.due(step))).toEqual([false, true]);
  time.now += 25_000;
  expect(clock.due(3)).toBe(true);
});

test('a resumed run has its state already', () => {
  const { clock, time } = clockOf({ milliseconds: 30_000, atStart: true }, 7);
  time.now = 40_000;
  expect([clock.dueAtStart, clock.due(7), clock.due(8)]).toEqual([false, false, true]);
});
