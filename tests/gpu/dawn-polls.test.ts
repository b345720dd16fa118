import * as timers from 'node:timers';
import { expect, test, vi } from 'vitest';
import { PAUSE_MS, withPauses } from '../../src/cli/dawn-polls.ts';
import { matmul } from '../../src/engine/ops/matmul.ts';
import { describeDevice } from '../engine/adapters.ts';
import { constant, noise, runTape } from '../engine/run.ts';

describeDevice('work that takes a while on a software GPU', (context) => {
  test('is awaited with pauses', async () => {
    const { device } = context;
    const pausing = globalThis.setImmediate;
    expect(pausing).not.toBe(timers.setImmediate);
    const later = vi.fn(setTimeout);
    globalThis.setImmediate = withPauses(timers.setImmediate, later as never);
    try {
      const side = 512;
      await runTape(device, (tape) => [
        matmul(tape, {
          a: constant(device, [side, side], noise(side * side, 1)),
          b: constant(device, [side, side], noise(side * side, 2)),
          layout: 'NN',
        }),
      ]);
    } finally {
      globalThis.setImmediate = pausing;
    }
    expect(later).toHaveBeenCalledWith(expect.any(Function), PAUSE_MS);
  });
});
