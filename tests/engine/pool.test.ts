import { expect, test } from 'vitest';
import { pool } from '../../src/engine/ops/pool.ts';
import { rmsNorm } from '../../src/engine/ops/rms_norm.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

/** Sequences laid end to end, and rows of none behind them. */
const CASES = [
  { lengths: [1], rest: 0, C: 1 },
  { lengths: [3, 1, 7], rest: 2, C: 5 },
  { lengths: [20, 33, 2, 9], rest: 0, C: 48 },
];

/** f64 [S, M]: the mean of each sequence's rows, or the first of them. */
function weightsOf(lengths: readonly number[], M: number, how: 'mean' | 'first'): Float64Array {
  const weights = new Float64Array(lengths.length * M);
  let start = 0;
  lengths.forEach((length, s) => {
    if (how === 'first') weights[s * M + start] = 1;
    else weights.fill(1 / length, s * M + start, s * M + start + length);
    start += length;
  });
  return weights;
}

describeAdapters('Pooling', (context) => {
  for (const { lengths, rest, C } of CASES) {
    for (const how of ['mean', 'first'] as const) {
      for (const dtype of ['f32', 'f16'] as const) {
        test.skipIf(dtype === 'f16' && !context.f16)(
          `takes the ${how} of ${lengths} rows of ${C}, ${dtype}, as the definition does, with its gradient`,
          async () => {
            const S = lengths.length;
            const M = lengths.reduce((sum, length) => sum + length, rest);
            const values = stored(noise(M * C, 1), dtype);
            const gradient = noise(S * C, 2);
            const weights = weightsOf(lengths, M, how);
            const x = constant(context.device, [M, C], values, dtype);
            const [y, dx] = await runTape(context.device, (tape) => {
              const gradients = watch(tape, x);
              const out = pool(tape, x, constant(context.device, [S, M], weights));
              backwardFrom(tape, out, constant(context.device, [S, C], gradient));
              return [out, ...gradients()];
            });
            const expected = new Float64Array(S * C);
            const slopes = new Float64Array(M * C);
            for (let s = 0; s < S; s++)
              for (let m = 0; m < M; m++)
                for (let c = 0; c < C; c++) {
                  expected[s * C + c] += weights[s * M + m] * values[m * C + c];
                  slopes[m * C + c] += weights[s * M + m] * gradient[s * C + c];
                }
            expect(worstError(y, expected)).toBeLessThan(1e-5);
            expect(worstError(dx, slopes)).toBeLessThan(dtype === 'f32' ? 1e-5 : 2e-3);
          },
        );
      }
    }
  }

  test('makes rows of length 1 by the root mean square, with their gradient, and leaves a zero row zero', async () => {
    const [S, C] = [3, 12];
    const values = noise(S * C, 3);
    values.fill(0, C, 2 * C);
    const gradient = noise(S * C, 4);
    const x = constant(context.device, [S, C], values);
    const ones = constant(context.device, [C], new Array<number>(C).fill(1));
    const [y, dx] = await runTape(context.device, (tape) => {
      const gradients = watch(tape, x);
      const out = rmsNorm(tape, x, ones, { eps: 1e-24, scale: 1 / Math.sqrt(C) });
      backwardFrom(tape, out, constant(context.device, [S, C], gradient));
      return [out, ...gradients()];
    });
    for (const s of [0, 2]) {
      const row = values.subarray(s * C, (s + 1) * C);
      const length = Math.hypot(...row);
      const along = row.reduce((sum, value, c) => sum + value * gradient[s * C + c], 0) / length;
      const expected = row.map((value) => value / length);
      const slopes = expected.map((value, c) => (gradient[s * C + c] - value * along) / length);
      expect(worstError(y.subarray(s * C, (s + 1) * C), expected)).toBeLessThan(1e-5);
      expect(worstError(dx.subarray(s * C, (s + 1) * C), slopes)).toBeLessThan(1e-5);
    }
    expect([...y.subarray(C, 2 * C)].every((value) => value === 0)).toBe(true);
  });
});
