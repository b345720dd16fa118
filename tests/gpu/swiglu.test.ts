import { expect, test } from 'vitest';
import { swiglu } from '../../src/engine/ops/swiglu.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describeAdapters('SwiGLU', (context) => {
  for (const [M, F] of [
    [1, 1],
    [3, 5],
    [17, 172],
  ]) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(`[${M}, ${F}] ${dtype}`, async () => {
        const [g, u, dy] = [1, 2, 3].map((seed) => stored(noise(M * F, seed, 2), dtype));
        const [gate, up, gradient] = [g, u, dy].map((values) =>
          constant(context.device, [M, F], values, dtype),
        );
        const [y, dg, du] = await runTape(context.device, (tape) => {
          const gradients = watch(tape, gate, up);
          const out = swiglu(tape, gate, up);
          backwardFrom(tape, out, gradient);
          return [out, ...gradients()];
        });
        const tolerance = dtype === 'f32' ? 1e-5 : 2e-3;
        expect(
          worstError(
            y,
            g.map((v, i) => v * sigmoid(v) * u[i]),
          ),
        ).toBeLessThan(tolerance);
        expect(
          worstError(
            dg,
            g.map((v, i) => dy[i] * u[i] * sigmoid(v) * (1 + v * (1 - sigmoid(v)))),
          ),
        ).toBeLessThan(tolerance);
        expect(
          worstError(
            du,
            g.map((v, i) => dy[i] * v * sigmoid(v)),
          ),
        ).toBeLessThan(tolerance);
      });
    }
  }
});
