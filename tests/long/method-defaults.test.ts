/** The defaults of every method, objective and optimiser, on the CPU engine: a whole run learns, measured on held-out rows. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { Device } from '../../src/engine/device.ts';
import { OPTIMISERS } from '../../src/optimisers/registry.ts';
import { learnByDefaults, TRIED } from '../cpu/method-defaults.ts';

describe('The defaults of a method', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openProcessor();
  });
  afterAll(() => device.close());

  test.each(TRIED)('$label', async (method) => {
    const { before, after } = await learnByDefaults(device, method);
    expect(after.loss).toBeLessThan(0.9 * before.loss);
    if (after.report) expect(after.report['reward_margin']).toBeGreaterThan(before.report!['reward_margin']!);
  });

  const [lora] = TRIED;
  const full = TRIED.find(({ name }) => name === 'full')!;
  test.each(
    OPTIMISERS.flatMap(({ name }) => [lora, full].map((method) => [name, method.label, method] as const)),
  )('%s, %s', async (optimiser, _, method) => {
    const { before, after } = await learnByDefaults(device, method, 1, optimiser);
    expect(after.loss).toBeLessThan(0.9 * before.loss);
  });
});
