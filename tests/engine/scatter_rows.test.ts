import { expect, test } from 'vitest';
import { scatterRows } from '../../src/engine/ops/scatter_rows.ts';
import { describeAdapters } from './adapters.ts';
import { constant, noise, runTape, stored } from './run.ts';

describeAdapters('scatterRows', (context) => {
  for (const [M, C, T] of [
    [1, 1, 1],
    [5, 7, 9],
    [3, 192, 70],
  ]) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(`[${M}, ${C}] into [${T}, ${C}] ${dtype}`, async () => {
        const { device } = context;
        const source = noise(M * C, 1);
        const before = stored(noise(T * C, 2), dtype);
        const padding = 0xffffffff;
        const rows = Array.from({ length: M }, (_, m) => (m === 1 ? padding : m === 2 ? T : T - 1 - m));
        const target = constant(device, [T, C], before, dtype);
        const [after] = await runTape(
          device,
          (tape) => {
            scatterRows(tape, constant(device, [M, C], source), target, constant(device, [M], rows, 'u32'));
            return [target];
          },
          false,
        );
        const expected = before.slice();
        const written = stored(source, dtype);
        rows.forEach((row, m) => {
          if (row < T) expected.set(written.subarray(m * C, (m + 1) * C), row * C);
        });
        expect(after).toEqual(expected);
      });
    }
  }
});
