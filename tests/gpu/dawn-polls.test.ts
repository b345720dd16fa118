import { expect, test, vi } from 'vitest';
import { PAUSE_MS } from '../../src/cli/dawn-polls.ts';
import { matmul } from '../../src/engine/ops/matmul.ts';
import { describeDevice } from '../engine/adapters.ts';
import { constant, noise, runTape } from '../engine/run.ts';

describeDevice('work that takes a while', (context) => {
  test('is awaited with pauses', async () => {
    const { device } = context;
    const side = 512;
    const timer = vi.spyOn(globalThis, 'setTimeout');
    try {
      await runTape(device, (tape) => [
        matmul(tape, {
          a: constant(device, [side, side], noise(side * side, 1)),
          b: constant(device, [side, side], noise(side * side, 2)),
          layout: 'NN',
        }),
      ]);
      expect(timer).toHaveBeenCalledWith(expect.any(Function), PAUSE_MS);
    } finally {
      timer.mockRestore();
    }
  });
});
