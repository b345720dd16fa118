import { expect, test } from 'vitest';
import { rowNormInto } from '../../src/engine/ops/row_norm.ts';
import { scaleColumns } from '../../src/engine/ops/scale_columns.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

describeAdapters('Scaled columns', (context) => {
  const shapes = [
    [1, 1],
    [3, 65],
    [130, 20],
  ] as const;
  for (const [M, N] of shapes) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(`[${M}, ${N}] ${dtype}`, async () => {
        const { device } = context;
        const [x, residual, dy] = [1, 2, 3].map((seed) => stored(noise(M * N, seed), dtype));
        const [s, bias] = [4, 5].map((seed) => noise(N, seed));
        const d = noise(N, 6).map((value) => 2 + Math.abs(value));
        const limit = dtype === 'f16' ? 2e-3 : 1e-5;
        const input = constant(device, [M, N], x, dtype);
        const rest = constant(device, [M, N], residual, dtype);
        const offset = constant(device, [N], bias, 'f32', true);
        for (const divisor of [undefined, constant(device, [N], d)]) {
          const factor = constant(device, [N], s, 'f32', true);
          const [y, dx, dr, ds] = await runTape(device, (tape) => {
            const gradients = watch(tape, input, rest);
            const out = scaleColumns(tape, input, factor, { divisor, bias: offset, residual: rest });
            backwardFrom(tape, out, constant(device, [M, N], dy, dtype));
            return [out, ...gradients(), factor.gradient!];
          });
          const g = s.map((value, n) => (divisor ? value / d[n] : value));
          const sums = new Float64Array(N);
          dy.forEach((value, i) => (sums[i % N] += (value * x[i]) / (divisor ? d[i % N] : 1)));
          expect(
            worstError(
              y,
              x.map((v, i) => v * g[i % N] + bias[i % N] + residual[i]),
            ),
          ).toBeLessThan(limit);
          expect(
            worstError(
              dx,
              dy.map((v, i) => v * g[i % N]),
            ),
          ).toBeLessThan(limit);
          expect(dr).toEqual(dy);
          expect(worstError(ds, sums)).toBeLessThan(1e-5);
        }
      });
    }
  }

  for (const [M, C] of shapes) {
    test(`the lengths of the rows of [${M}, ${C}]`, async () => {
      const x = noise(M * C, 1);
      const [y] = await runTape(context.device, (tape) => {
        const norms = tape.tensor([M], 'f32', 'norms');
        rowNormInto(tape, constant(context.device, [M, C], x), norms);
        return [norms];
      });
      const expected = Float64Array.from({ length: M }, (_, m) => Math.hypot(...x.slice(m * C, (m + 1) * C)));
      expect(worstError(y, expected)).toBeLessThan(1e-6);
    });
  }
});
