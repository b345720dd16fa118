/** How many rows one press measures: all of them where that is quick, and what it costs where answers are known already. */
import { describe, expect, test } from 'vitest';
import { AnswerSpeed, measuringCost, rowsWithin } from '../../../src/app/evaluate/budget.ts';
import { secondsPerRow } from '../../../src/evaluate/costs.ts';
import { recordOf } from '../../../src/evaluate/record.ts';

const rows = (available: number, tasks = 1) => ({ available, tasks });

describe('the rows of one press', () => {
  test('are all of them if that takes under a minute, or hardly more', () => {
    expect(rowsWithin(0.1, 5, rows(100))).toBe(100);
    expect(rowsWithin(0.1, 5, rows(140))).toBe(140);
  });

  test('are as many tens as fit into a minute, else at least twenty', () => {
    expect(rowsWithin(0.1, 5, rows(3080))).toBe(120);
    expect(rowsWithin(0.1, 5, rows(3080, 4))).toBe(30);
    expect(rowsWithin(60, 5, rows(3080))).toBe(20);
    expect(rowsWithin(60, 5, rows(12))).toBe(12);
  });

  test('cost more with adapters and prompts', () => {
    expect(measuringCost(0, {})).toBe(1);
    expect(measuringCost(2, {})).toBe(3);
    expect(measuringCost(1, { prompting: { goal: '', shots: 4 } })).toBeGreaterThan(
      measuringCost(1, { prompting: { goal: '', shots: 0 } }),
    );
  });
});

test('the time before the first answer compiles shaders, and does not count', () => {
  const speed = new AnswerSpeed();
  const at = (done: number, now: number): void =>
    speed.follow({ what: 'answering', by: 'base', done, total: 16 }, now);
  at(0, 0);
  expect(speed.secondsPerRow).toBeUndefined();
  at(4, 10_000);
  at(16, 16_000);
  expect(speed.secondsPerRow).toBeCloseTo(0.5, 12);
});

test('a row costs what its answers took when they were made, and no less than the measurement', () => {
  const items = [{ prompt: 'a', expected: 'b' }];
  const record = (took: number, seconds: number) =>
    recordOf(
      { time: 0, model: { name: 'm', bundled: false }, seconds },
      items,
      ['base', 'few-shot'].map((method) => ({
        subject: { method, label: method, answerSeconds: 0 },
        answers: [{ text: 'b', took }],
        scores: {},
      })),
      [],
    );
  expect(secondsPerRow(record(2, 0.01))).toBe(4);
  expect(secondsPerRow(record(2, 9))).toBe(9);
});
