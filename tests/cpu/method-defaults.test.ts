/** The defaults of every method that the page offers: the first steps of a run learn, measured on held-out rows. tests/long has whole runs. */
import { expect, test } from 'vitest';
import { describeDevice } from '../engine/adapters.ts';
import { learnByDefaults, TRIED } from './method-defaults.ts';

/** The share of a run's steps that comes after the warm-up. */
const SHARE = 1 / 5;

describeDevice('The defaults of a method', (context) => {
  test.each(TRIED)('$label', async (method) => {
    const { before, after } = await learnByDefaults(context.device, method, SHARE);
    expect(after.loss).toBeLessThan(0.97 * before.loss);
    if (after.report) expect(after.report['reward_margin']).toBeGreaterThan(before.report!['reward_margin']!);
  });
});
