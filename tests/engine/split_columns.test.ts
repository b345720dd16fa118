import { expect, test } from 'vitest';
import { splitColumns } from '../../src/engine/ops/split_columns.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch } from './run.ts';

describeAdapters('Columns of a fused layer', (context) => {
  for (const [M, widths] of [
    [1, [1, 1]],
    [3, [5, 2, 2]],
    [17, [64, 3, 64]],
  ] as const) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(`[${M}, ${widths.join(' + ')}] ${dtype}`, async () => {
        const { device } = context;
        const C = widths.reduce((sum: number, width) => sum + width, 0);
        const x = stored(noise(M * C, 1), dtype);
        const input = constant(device, [M, C], x, dtype);
        const dys = widths.map((width, i) => stored(noise(M * width, i + 2), dtype));
        const results = await runTape(device, (tape) => {
          const gradients = watch(tape, input);
          const parts = splitColumns(tape, input, widths);
          // One loss of all parts: each gets its own gradient before the backward reaches the split.
          const whole = tape.tensor([1], dtype, 'all parts');
          tape.record([whole], parts, () =>
            parts.forEach((part, i) => {
              tape.passGradient(part, constant(device, [M, widths[i]], dys[i], dtype));
            }),
          );
          backwardFrom(tape, whole, constant(device, [1], [1], dtype));
          return [...parts, ...gradients()];
        });
        const starts = widths.map((_, i) =>
          widths.slice(0, i).reduce((sum: number, width) => sum + width, 0),
        );
        const dx = results[widths.length];
        widths.forEach((width, i) => {
          for (let at = 0; at < M * width; at++) {
            const there = Math.floor(at / width) * C + starts[i] + (at % width);
            expect(results[i][at]).toBe(x[there]);
            expect(dx[there]).toBe(dys[i][at]);
          }
        });
      });
    }
  }
});
