import { expect, test } from 'vitest';
import { layerNorm } from '../../src/engine/ops/layer_norm.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import * as reference from '../reference/layer_norm.ts';
import { describeBuilds } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

describeBuilds('LayerNorm', (context) => {
  for (const [M, C] of [
    [1, 3],
    [1, 64],
    [5, 7],
    [33, 65],
    [3, 576],
  ]) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(`[${M}, ${C}] ${dtype}`, async () => {
        const { device } = context;
        // Far from zero, where a variance taken as E[x²] − E[x]² would have lost its digits.
        const x = stored(
          noise(M * C, 1).map((value) => value + 20),
          dtype,
        );
        const [w, b] = [2, 3].map((seed) => stored(noise(C, seed), 'f32'));
        const dy = stored(noise(M * C, 4), dtype);
        const eps = 1e-5;
        const [weight, bias] = [w, b].map((values) => constant(device, [C], values, 'f32', true));
        const input = constant(device, [M, C], x, dtype);
        const [y, dx, dw, db] = await runTape(device, (tape): Tensor[] => {
          const gradients = watch(tape, input);
          const out = layerNorm(tape, input, { w: weight, b: bias, eps });
          backwardFrom(tape, out, constant(device, [M, C], dy, dtype));
          return [out, ...gradients(), weight.gradient!, bias.gradient!];
        });
        const tolerance = dtype === 'f32' ? 2e-5 : 2e-3;
        const expected = reference.layerNormBackward(x, w, dy, eps);
        expect(worstError(y, reference.layerNorm(x, w, b, eps).y)).toBeLessThan(tolerance);
        expect(worstError(dx, expected.dx)).toBeLessThan(tolerance);
        expect(worstError(dw, expected.dw)).toBeLessThan(tolerance);
        expect(worstError(db, expected.db)).toBeLessThan(tolerance);
      });
    }
  }

  test('epsilon counts in a row of small numbers', async () => {
    const { device } = context;
    const [x, w, b] = [
      [3e-3, -3e-3],
      [1, 1],
      [0, 0],
    ].map((values) => constant(device, [values.length], values));
    // The variance is 9e-6, and 9e-6 + 16e-6 has the root 5e-3.
    const [y] = await runTape(device, (tape) => [layerNorm(tape, x.reshape(1, 2), { w, b, eps: 16e-6 })]);
    expect(worstError(y, [0.6, -0.6])).toBeLessThan(1e-5);
  });
});
