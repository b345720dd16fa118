import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { learningRate, schedules, type ScheduleOptions } from '../../../src/train/schedule.ts';

/** Made by tests/fixtures/schedules.py. */
const cases = JSON.parse(
  readFileSync(new URL('../../fixtures/schedules.json', import.meta.url), 'utf8'),
) as (ScheduleOptions & { rates: number[] })[];

describe('learning rates', () => {
  it.each(cases.map((options) => [`${options.schedule}, ${options.warmup} of ${options.steps}`, options]))(
    'are those of get_scheduler: %s',
    (_, { rates, ...options }) => {
      expect(rates).toHaveLength(options.steps);
      rates.forEach((rate, step) => {
        const ours = learningRate(step, options);
        expect(Math.abs(ours - rate), `step ${step}: ${ours} and ${rate}`).toBeLessThan(1e-12);
      });
    },
  );

  it('have a case for every schedule, with warm-up and without', () => {
    for (const schedule of schedules) {
      const warmups = cases.filter((options) => options.schedule === schedule).map(({ warmup }) => warmup);
      expect(Math.min(...warmups)).toBe(0);
      expect(Math.max(...warmups)).toBeGreaterThan(0);
    }
  });
});
