/** The defaults of every method, objective and optimiser, on the CPU engine: a whole run learns, measured on held-out rows. */
import { expect, test } from 'vitest';
import { OPTIMISERS } from '../../src/optimisers/registry.ts';
import { learnByDefaults, TRIED } from '../cpu/method-defaults.ts';
import { describeProcessor } from '../engine/adapters.ts';

describeProcessor('The defaults of a method', (context) => {
  test.each(TRIED)('$label', async (method) => {
    const { before, after } = await learnByDefaults(context.device, method);
    expect(after.loss).toBeLessThan(0.9 * before.loss);
    if (after.report) expect(after.report['reward_margin']).toBeGreaterThan(before.report!['reward_margin']!);
  });

  const [lora] = TRIED;
  const full = TRIED.find(({ name }) => name === 'full')!;
  test.each(
    OPTIMISERS.flatMap(({ name }) => [lora, full].map((method) => [name, method.label, method] as const)),
  )('%s, %s', async (optimiser, _, method) => {
    const { before, after } = await learnByDefaults(context.device, method, 1, optimiser);
    expect(after.loss).toBeLessThan(0.9 * before.loss);
  });
});
