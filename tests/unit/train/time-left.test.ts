/** The rest of a run, and its time. */
import { describe, expect, test } from 'vitest';
import {
  samplesAfter,
  secondsUntilDone,
  RunTimeLeft,
  validationsAfter,
} from '../../../src/train/time-left.ts';

const PLAN = { steps: 25, evalEvery: 10, sampleEvery: 5 };

describe('the work that is left', () => {
  test('validations come at their interval, and once more at the end', () => {
    expect([0, 9, 10, 20, 24, 25].map((step) => validationsAfter(step, PLAN))).toEqual([3, 3, 2, 1, 1, 0]);
    expect([0, 19, 20].map((step) => validationsAfter(step, { ...PLAN, steps: 20 }))).toEqual([2, 1, 0]);
    expect(validationsAfter(0, { ...PLAN, evalEvery: 0 })).toBe(0);
    expect(validationsAfter(0, { ...PLAN, evalEvery: 100 })).toBe(1);
  });

  test('answers come at their interval', () => {
    expect([0, 4, 5, 24, 25].map((step) => samplesAfter(step, PLAN))).toEqual([5, 5, 4, 1, 0]);
    expect(samplesAfter(0, { ...PLAN, sampleEvery: 0 })).toBe(0);
  });
});

describe('the time left', () => {
  test('is not known before a step was timed', () => {
    const left = new RunTimeLeft(PLAN);
    left.took('validation', 30);
    expect(left.after(0)).toBeUndefined();
    expect(left.validating(0, 12)).toBeUndefined();
  });

  test('counts the validations and answers that are still to come, that of the step itself included', () => {
    const left = new RunTimeLeft(PLAN);
    for (const seconds of [1, 9, 2]) left.took('step', seconds);
    left.took('validation', 30);
    left.took('sample', 4);
    // 15 steps of 2 s; validations at 10, 20 and 25; answers at 10, 15, 20 and 25.
    expect(left.after(10)).toBe(15 * 2 + 3 * 30 + 4 * 4);
    // In the middle of the one at 10.
    expect(left.validating(10, 7)).toBe(7 + 15 * 2 + 2 * 30 + 4 * 4);
    expect(left.after(24)).toBe(2 + 30 + 4);
    // The last validation and the last answer come after the last step.
    expect(left.after(25)).toBe(30 + 4);
  });

  test('looks at the recent ones only', () => {
    const left = new RunTimeLeft({ steps: 100, evalEvery: 0, sampleEvery: 0 });
    for (let i = 0; i < 5; i++) left.took('step', 60);
    for (let i = 0; i < 20; i++) left.took('step', 1);
    expect(left.after(25)).toBe(75);
  });

  test('assumes that the work continues as it went', () => {
    expect(secondsUntilDone(10, 210, 512)).toBeCloseTo(14.38, 2);
    expect(secondsUntilDone(10, 0, 512)).toBeUndefined();
    expect(secondsUntilDone(10, 512, 512)).toBe(0);
  });
});
