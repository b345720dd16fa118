import { expect, test } from 'vitest';
import { linearCrossEntropy, NO_LABEL } from '../../src/engine/ops/cross_entropy.ts';
import { describeBuilds } from './adapters.ts';
import { constant, noise, runTape, stored, watch, worstError } from './run.ts';

/** Summed loss and gradients in float64. */
function reference(
  x: Float64Array,
  w: Float64Array,
  labels: readonly number[],
  C: number,
  V: number,
): { loss: number; dx: Float64Array; dw: Float64Array } {
  const dx = new Float64Array(x.length);
  const dw = new Float64Array(w.length);
  let loss = 0;
  labels.forEach((label, r) => {
    if (label === NO_LABEL) return;
    const z = Array.from({ length: V }, (_, v) => {
      let sum = 0;
      for (let c = 0; c < C; c++) sum += x[r * C + c] * w[v * C + c];
      return sum;
    });
    const top = Math.max(...z);
    const logSum = top + Math.log(z.reduce((sum, value) => sum + Math.exp(value - top), 0));
    loss += logSum - z[label];
    z.forEach((value, v) => {
      const d = Math.exp(value - logSum) - (v === label ? 1 : 0);
      for (let c = 0; c < C; c++) {
        dx[r * C + c] += d * w[v * C + c];
        dw[v * C + c] += d * x[r * C + c];
      }
    });
  });
  return { loss, dx, dw };
}

describeBuilds('Linear cross-entropy', (context) => {
  for (const [R, C, V] of [
    [9, 8, 7],
    [11, 4, 1500],
  ])
    test(`right labels of ${R} rows, vocabulary ${V}`, async () => {
      const { device } = context;
      // Whole numbers: their sums are exact, so that several logits are the largest.
      const x = Float64Array.from({ length: R * C }, (_, i) => ((i * 7) % 5) - 2);
      const w = Float64Array.from({ length: V * C }, (_, i) => ((i * 11) % 7) - 3);
      const best = Array.from({ length: R }, (_, r) => {
        const z = Array.from({ length: V }, (__, v) =>
          Array.from({ length: C }, (___, c) => x[r * C + c] * w[v * C + c]).reduce((a, b) => a + b, 0),
        );
        const top = z.reduce((a, b) => Math.max(a, b));
        return { first: z.indexOf(top), last: z.lastIndexOf(top), least: z.indexOf(Math.min(...z)) };
      });
      const labels = best.map(({ first, last, least }, r) => [first, last, NO_LABEL, first, least][r % 5]);
      const wanted = labels.filter((label, r) => label === best[r].first).length;
      const sum = constant(device, [1], [0]);
      const right = constant(device, [1], [3]);
      const [found] = await runTape(device, (tape) => {
        const ids = constant(device, [R], labels, 'u32');
        const [input, head] = [constant(device, [R, C], x), constant(device, [V, C], w)];
        linearCrossEntropy(tape, input, head, ids, sum, right);
        return [right];
      });
      expect(found[0]).toBe(3 + wanted);
      expect(wanted).toBeLessThan(labels.length);
    });

  // 130 rows with a vocabulary of 33,000 go through the head in two chunks.
  for (const [R, C, V] of [
    [1, 4, 2],
    [5, 8, 7],
    [33, 12, 65],
    [130, 4, 33_000],
  ]) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(
        `${R} rows, ${C} channels, vocabulary ${V}, ${dtype}`,
        async () => {
          const { device } = context;
          const x = stored(noise(R * C, 1, 2), dtype);
          const w = stored(noise(V * C, 2), 'f32');
          const labels = Array.from({ length: R }, (_, r) => (r % 4 === 3 ? NO_LABEL : (r * 31) % V));
          const input = constant(device, [R, C], x, dtype);
          const head = constant(device, [V, C], w, 'f32', true);
          const sum = constant(device, [1], [0]);
          const [loss, dx, dw] = await runTape(device, (tape) => {
            const gradients = watch(tape, input);
            const out = linearCrossEntropy(tape, input, head, constant(device, [R], labels, 'u32'), sum);
            tape.backward(out);
            return [out, ...gradients(), head.gradient!];
          });
          const expected = reference(x, w, labels, C, V);
          const tolerance = dtype === 'f32' ? 2e-5 : 3e-3;
          expect(Math.abs(loss[0] - expected.loss) / expected.loss).toBeLessThan(tolerance);
          expect(worstError(dx, expected.dx)).toBeLessThan(tolerance);
          expect(worstError(dw, expected.dw)).toBeLessThan(tolerance);
        },
      );
    }
  }
});
