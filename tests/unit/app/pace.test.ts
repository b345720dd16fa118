/** Progress and time left of a measurement, in words. */
import { expect, test } from 'vitest';
import { howFarInWords, whatInWords } from '../../../src/app/evaluate/progress.ts';
import { MeasurementPace } from '../../../src/app/train/pace.ts';
import type { Progress } from '../../../src/worker/api.ts';

const SECOND = 1000;
const loss = (done: number, by: Progress['by'] = 'base'): Progress => ({
  what: 'evaluating',
  by,
  done,
  total: 512,
});

test('the time left follows from the finished rows, not from the shaders before them', () => {
  const pace = new MeasurementPace();
  expect(pace.secondsLeft(loss(0), 0)).toBeUndefined();
  // A minute of compiling.
  expect(pace.secondsLeft(loss(8), 60 * SECOND)).toBeUndefined();
  expect(pace.secondsLeft(loss(16), 61 * SECOND)).toBeCloseTo((512 - 16) / 8);
  expect(pace.secondsLeft(loss(210), 61 * SECOND + 20 * SECOND)).toBeCloseTo((512 - 210) * (21 / 202));
});

test('another part has its own pace', () => {
  const pace = new MeasurementPace();
  pace.secondsLeft(loss(8), 0);
  expect(pace.secondsLeft(loss(16), SECOND)).toBeDefined();
  expect(pace.secondsLeft(loss(8, 'adapter'), 2 * SECOND)).toBeUndefined();
  expect(pace.secondsLeft(loss(16, 'adapter'), 4 * SECOND)).toBeCloseTo((512 - 16) / 4);
});

test('work of less than ten seconds shows no time left', () => {
  const pace = new MeasurementPace();
  pace.secondsLeft(loss(1), 0);
  expect(pace.secondsLeft(loss(101), SECOND)).toBeUndefined();
});

test('rows are counted, with the time if it is known', () => {
  expect(whatInWords(loss(210))).toBe('Loss of the base model');
  expect(howFarInWords(loss(210), undefined)).toBe('210 of 512 rows');
  expect(howFarInWords(loss(210), 41.2)).toBe('210 of 512 rows, about 41 s left');
  const answers: Progress = { what: 'answering', by: 'adapter', done: 8.5, total: 20 };
  expect(whatInWords(answers)).toBe('Answers of the adapter');
  expect(howFarInWords(answers, 90)).toBe('8 of 20 rows, about 1 min 30 s left');
  // The first answer may end long before its most tokens.
  expect(howFarInWords({ ...answers, done: 0.5 }, 90)).toBe('0 of 20 rows, at most 1 min 30 s left');
  expect(howFarInWords({ what: 'answering', done: 0, total: 0 }, undefined)).toBe('');
});
