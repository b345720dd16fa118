/** Embedding and gather: operations that move rows, and their backward without atomics. */
import { expect, test } from 'vitest';
import { embedding, linkOccurrences } from '../../src/engine/ops/embedding.ts';
import { gatherRows, NO_ROW } from '../../src/engine/ops/gather_rows.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, watch, worstError } from './run.ts';

describeAdapters('Rows', (context) => {
  for (const [M, V, C] of [
    [1, 1, 1],
    [7, 3, 5],
    [65, 11, 33],
  ]) {
    test(`embedding of ${M} tokens, vocabulary ${V}, ${C} channels`, async () => {
      const { device } = context;
      const ids = Uint32Array.from(noise(M, 5), (value) => Math.abs(Math.floor(value * 100)) % V);
      const w = noise(V * C, 1);
      const dx = noise(M * C, 2);
      const weight = constant(device, [V, C], w, 'f32', true);
      const [x, dw] = await runTape(device, (tape) => {
        const out = embedding(tape, constant(device, [M], ids, 'u32'), weight, {
          dtype: 'f32',
          scale: 1.5,
          chain: constant(device, [M, 2], linkOccurrences(ids), 'u32'),
        });
        backwardFrom(tape, out, constant(device, [M, C], dx));
        return [out, weight.gradient!];
      });
      const expected = new Float64Array(V * C);
      dx.forEach((value, i) => (expected[ids[Math.floor(i / C)] * C + (i % C)] += 1.5 * value));
      expect(
        worstError(
          x,
          Float64Array.from({ length: M * C }, (_, i) => 1.5 * w[ids[Math.floor(i / C)] * C + (i % C)]),
        ),
      ).toBeLessThan(1e-6);
      expect(worstError(dw, expected)).toBeLessThan(1e-5);
    });
  }

  test('gather takes rows, fills missing ones with zeros, and sends gradients back', async () => {
    const { device } = context;
    const [M, R, C] = [6, 4, 7];
    const rows = [4, 1, NO_ROW, 5];
    const inverse = [NO_ROW, 1, NO_ROW, NO_ROW, 0, 3];
    const x = noise(M * C, 1);
    const dy = noise(R * C, 2);
    const input = constant(device, [M, C], x);
    const [y, dx] = await runTape(device, (tape) => {
      const gradients = watch(tape, input);
      const out = gatherRows(
        tape,
        input,
        constant(device, [R], rows, 'u32'),
        constant(device, [M], inverse, 'u32'),
      );
      backwardFrom(tape, out, constant(device, [R, C], dy));
      return [out, ...gradients()];
    });
    const expectedY = Float64Array.from({ length: R * C }, (_, i) =>
      rows[Math.floor(i / C)] === NO_ROW ? 0 : x[rows[Math.floor(i / C)] * C + (i % C)],
    );
    const expectedX = Float64Array.from({ length: M * C }, (_, i) =>
      inverse[Math.floor(i / C)] === NO_ROW ? 0 : dy[inverse[Math.floor(i / C)] * C + (i % C)],
    );
    expect(worstError(y, expectedY)).toBeLessThan(1e-6);
    expect(worstError(dx, expectedX)).toBeLessThan(1e-6);
  });
});
