import { expect, test } from 'vitest';
import { rmsNorm } from '../../src/engine/ops/rms_norm.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import * as reference from '../reference/rms_norm.ts';
import { describeBuilds } from './adapters.ts';
import { constant, noise, runTape, backwardFrom, stored, watch, worstError } from './run.ts';

describeBuilds('RMSNorm', (context) => {
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
        const x = stored(noise(M * C, 1), dtype);
        const w = stored(noise(C, 2), 'f32');
        const dy = stored(noise(M * C, 3), dtype);
        const eps = 1e-5;
        const weight = constant(device, [C], w, 'f32', true);
        const input = constant(device, [M, C], x, dtype);
        const [y, dx, dw] = await runTape(device, (tape): Tensor[] => {
          const gradients = watch(tape, input);
          const out = rmsNorm(tape, input, weight, { eps, offset: 1 });
          backwardFrom(tape, out, constant(device, [M, C], dy, dtype));
          return [out, ...gradients(), weight.gradient!];
        });
        const tolerance = dtype === 'f32' ? 1e-5 : 2e-3;
        const expected = reference.rmsNormBackward(x, w, dy, C, eps, 1);
        expect(worstError(y, reference.rmsNorm(x, w, C, eps, 1))).toBeLessThan(tolerance);
        expect(worstError(dx, expected.dx)).toBeLessThan(tolerance);
        expect(worstError(dw, expected.dw)).toBeLessThan(tolerance);
      });
    }
  }

  for (const [M, heads, D] of [
    [1, 3, 4],
    [7, 5, 12],
    [9, 2, 64],
  ]) {
    test(`normalises each of ${heads} heads of ${D}, times a factor`, async () => {
      const { device } = context;
      const [eps, scale] = [1e-6, 0.25];
      const shape = [M, heads * D];
      const [x, w, dy] = [M * heads * D, D, M * heads * D].map((size, seed) => noise(size, seed + 1));
      const weight = constant(device, [D], w, 'f32', true);
      const input = constant(device, shape, x);
      const [y, dx, dw] = await runTape(device, (tape): Tensor[] => {
        const gradients = watch(tape, input);
        const out = rmsNorm(tape, input, weight, { eps, scale });
        backwardFrom(tape, out, constant(device, shape, dy));
        return [out, ...gradients(), weight.gradient!];
      });
      const scaled = (values: Float64Array): Float64Array => values.map((value) => value * scale);
      const expected = reference.rmsNormBackward(x, w, dy, D, eps);
      expect(worstError(y, scaled(reference.rmsNorm(x, w, D, eps)))).toBeLessThan(1e-5);
      expect(worstError(dx, scaled(expected.dx))).toBeLessThan(1e-5);
      expect(worstError(dw, scaled(expected.dw))).toBeLessThan(1e-5);
    });
  }

  test('epsilon counts in a row of small numbers', async () => {
    const { device } = context;
    const [x, w] = [
      [3e-3, 4e-3],
      [1, 1],
    ].map((values) => constant(device, [values.length], values));
    // The mean square is 12.5e-6, and twice that has the root 5e-3.
    const [y] = await runTape(device, (tape) => [rmsNorm(tape, x.reshape(1, 2), w, { eps: 12.5e-6 })]);
    expect(worstError(y, [0.6, 0.8])).toBeLessThan(1e-5);
  });
});
