/** Losses that are made of losses: against torch's autograd (tests/reference/losses/make.py) and against differences of the loss itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { linearCrossEntropy, NO_LABEL } from '../../src/engine/ops/cross_entropy.ts';
import { logProbabilities } from '../../src/engine/ops/log_probabilities.ts';
import { weightedSum } from '../../src/engine/ops/weighted_sum.ts';
import type { Tape } from '../../src/engine/tape.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, runTape, worstError } from './run.ts';

interface Case {
  loss: number;
  dx: number[];
  dw: number[];
}
interface Numbers extends Record<'sum' | 'rows', Case> {
  shape: [number, number, number];
  x: number[];
  w: number[];
  labels: number[][];
  weights: number[];
  logProbabilities: number[];
}
const numbers = JSON.parse(
  readFileSync(join(import.meta.dirname, '../reference/losses/numbers.json'), 'utf8'),
) as Numbers;
const [R, C, V] = numbers.shape;

describeAdapters('Losses', (context) => {
  const inputs = (x = numbers.x, w = numbers.w) => {
    const { device } = context;
    return {
      x: constant(device, [R, C], x, 'f32', true),
      w: constant(device, [V, C], w, 'f32', true),
      labels: numbers.labels.map((row) =>
        constant(
          device,
          [R],
          row.map((label) => (label < 0 ? NO_LABEL : label)),
          'u32',
        ),
      ),
    };
  };
  type Inputs = ReturnType<typeof inputs>;

  const sumOf = (tape: Tape, { x, w, labels }: Inputs): Tensor =>
    weightedSum(tape, [
      { loss: linearCrossEntropy(tape, x, w, labels[0]), weight: 0.7 },
      { loss: linearCrossEntropy(tape, x, w, labels[1]), weight: 0.3 },
    ]);

  test('a weighted sum of two has the gradients of torch', async () => {
    const all = inputs();
    const [loss, dx, dw] = await runTape(context.device, (tape) => {
      const sum = sumOf(tape, all);
      tape.backward(sum);
      return [sum, all.x.gradient!, all.w.gradient!];
    });
    expect(Math.abs(loss[0] / numbers.sum.loss - 1)).toBeLessThan(1e-6);
    expect(worstError(dx, numbers.sum.dx)).toBeLessThan(5e-6);
    expect(worstError(dw, numbers.sum.dw)).toBeLessThan(5e-6);
  });

  test('a seed multiplies every gradient, and none of the loss', async () => {
    const all = inputs();
    const [loss, dx] = await runTape(context.device, (tape) => {
      const sum = sumOf(tape, all);
      tape.backward(sum, -2.5);
      return [sum, all.x.gradient!];
    });
    expect(Math.abs(loss[0] / numbers.sum.loss - 1)).toBeLessThan(1e-6);
    expect(
      worstError(
        dx,
        numbers.sum.dx.map((value) => -2.5 * value),
      ),
    ).toBeLessThan(5e-6);
  });

  test('computed gradients go through a sum too', async () => {
    const all = inputs();
    const seed = constant(context.device, [1], [-2.5]);
    const [dx, dw] = await runTape(context.device, (tape) => {
      backwardFrom(tape, sumOf(tape, all), seed);
      return [all.x.gradient!, all.w.gradient!];
    });
    const scaled = (values: number[]): number[] => values.map((value) => -2.5 * value);
    expect(worstError(dx, scaled(numbers.sum.dx))).toBeLessThan(5e-6);
    expect(worstError(dw, scaled(numbers.sum.dw))).toBeLessThan(5e-6);
  });

  test('log-probabilities of labels, with a weight for each row in their backward', async () => {
    const all = inputs();
    const weights = constant(context.device, [R], numbers.weights);
    const [y, dx, dw] = await runTape(context.device, (tape) => {
      const y = logProbabilities(tape, all.x, all.w, all.labels[0]);
      backwardFrom(tape, y, weights);
      return [y, all.x.gradient!, all.w.gradient!];
    });
    expect(worstError(y, numbers.logProbabilities)).toBeLessThan(1e-6);
    expect(y[3]).toBe(0);
    expect(worstError(dx, numbers.rows.dx)).toBeLessThan(5e-6);
    expect(worstError(dw, numbers.rows.dw)).toBeLessThan(5e-6);
  });

  test('several labels of a row have the log-probability of each by itself', async () => {
    const { x, w, labels } = inputs();
    const [first, second] = await runTape(
      context.device,
      (tape) => labels.map((one) => logProbabilities(tape, x, w, one)),
      false,
    );
    const ids = numbers.labels.map((row) => row.map((label) => (label < 0 ? NO_LABEL : label)));
    // A row without a first label has none.
    const together = Array.from({ length: R }, (_, r) => [ids[0][r], NO_LABEL, ids[1][r]]);
    const [y] = await runTape(
      context.device,
      (tape) => [logProbabilities(tape, x, w, constant(context.device, [R, 3], together.flat(), 'u32'))],
      false,
    );
    const expected = together.flatMap(([one], r) =>
      one === NO_LABEL ? [0, 0, 0] : [first[r], 0, second[r]],
    );
    expect(expected.filter((value) => value !== 0).length).toBeGreaterThan(R);
    for (let r = 0; r < R; r++)
      if (together[r][0] !== NO_LABEL)
        expect([...y.slice(3 * r, 3 * r + 3)]).toEqual(expected.slice(3 * r, 3 * r + 3));
  });

  test('the gradient of a sum is its slope', async () => {
    const all = inputs();
    const [dx] = await runTape(context.device, (tape) => {
      tape.backward(sumOf(tape, all));
      return [all.x.gradient!];
    });
    const lossAt = async (index: number, by: number): Promise<number> => {
      const moved = numbers.x.map((value, i) => (i === index ? value + by : value));
      const [[loss]] = await runTape(context.device, (tape) => [sumOf(tape, inputs(moved))], false);
      return loss;
    };
    const step = 0.05;
    for (const index of [0, 17, R * C - 1]) {
      const slope = ((await lossAt(index, step)) - (await lossAt(index, -step))) / (2 * step);
      expect(Math.abs(slope - dx[index])).toBeLessThan(5e-3);
    }
  });
});
