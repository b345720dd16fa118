import { expect, test } from 'vitest';
import { activate, ACTIVATIONS, gated, type Activation } from '../../src/engine/ops/activation.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Each activation and its derivative, from the definition. */
const references: Record<Activation, readonly [(x: number) => number, (x: number) => number]> = {
  silu: [(x) => x * sigmoid(x), (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))],
  gelu_tanh: [
    (x) => 0.5 * x * (1 + Math.tanh(inner(x))),
    (x) =>
      0.5 * (1 + Math.tanh(inner(x))) +
      0.5 * x * (1 - Math.tanh(inner(x)) ** 2) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x),
  ],
  gelu: [(x) => x * normal(x), (x) => normal(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)],
  identity: [(x) => x, () => 1],
};
/** The normal distribution function, by the series of the error function. */
function normal(x: number): number {
  if (Math.abs(x) > 8) return Number(x > 0);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (x * x) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
function inner(x: number): number {
  return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
}

describeAdapters('Activations', (context) => {
  for (const activation of ACTIVATIONS) {
    if (activation === 'identity' && !context.all) continue;
    const [value, slope] = references[activation];
    for (const [M, F] of [
      [1, 1],
      [3, 5],
      [17, 172],
    ]) {
      for (const dtype of ['f32', 'f16'] as const) {
        test.skipIf(dtype === 'f16' && !context.f16)(`${activation} [${M}, ${F}] ${dtype}`, async () => {
          const [g, u, dy] = [1, 2, 3].map((seed) => stored(noise(M * F, seed, 2), dtype));
          const [gate, up, gradient] = [g, u, dy].map((values) =>
            constant(context.device, [M, F], values, dtype),
          );
          const [y, dg, du, a, da] = await runTape(context.device, (tape) => {
            const gradients = watch(tape, gate, up);
            const out = gated(tape, gate, up, activation);
            backwardFrom(tape, out, gradient);
            const both = gradients();
            const alone = watch(tape, gate);
            const activated = activate(tape, gate, activation);
            backwardFrom(tape, activated, gradient);
            return [out, ...both, activated, ...alone()];
          });
          const tolerance = dtype === 'f32' ? 1e-5 : 2e-3;
          const close = (actual: Float64Array, expected: (i: number) => number): void =>
            expect(
              worstError(
                actual,
                Float64Array.from(actual, (_, i) => expected(i)),
              ),
            ).toBeLessThan(tolerance);
          close(y, (i) => value(g[i]) * u[i]);
          close(dg, (i) => dy[i] * u[i] * slope(g[i]));
          close(du, (i) => dy[i] * value(g[i]));
          close(a, (i) => value(g[i]));
          close(da, (i) => dy[i] * slope(g[i]));
        });
      }
    }

    test(`${activation}: one gradient of two, and gradients that are there`, async () => {
      const [g, u, dy] = [1, 2, 3].map((seed) => noise(300, seed, 2));
      const [gate, up, gradient] = [g, u, dy].map((values) => constant(context.device, [3, 100], values));
      const run = (...of: Tensor[]): Promise<Float64Array[]> =>
        runTape(context.device, (tape) => {
          const gradients = watch(tape, ...of);
          const out = gated(tape, gate, up, activation);
          backwardFrom(tape, out, gradient);
          return gradients();
        });
      const [dg, du] = await run(gate, up);
      gate.requiresGrad = up.requiresGrad = false;
      expect(await run(gate)).toEqual([dg]);
      gate.requiresGrad = up.requiresGrad = false;
      expect(await run(up)).toEqual([du]);
      const twice = await runTape(context.device, (tape) => {
        const gradients = watch(tape, gate, up);
        const outputs = [1, 2].map(() => gated(tape, gate, up, activation));
        const loss = tape.tensor([1], 'f32', 'loss');
        tape.record([loss], outputs, () => outputs.forEach((output) => tape.passGradient(output, gradient)));
        tape.backward(loss);
        return gradients();
      });
      [dg, du].forEach((once, i) =>
        expect(
          worstError(
            twice[i],
            once.map((value) => 2 * value),
          ),
        ).toBeLessThan(1e-6),
      );
    });

    const isFlat = activation !== 'identity';
    test.runIf(isFlat)(`${activation} of large numbers is finite`, async () => {
      const x = [-1e30, -1e4, -90, -30, 0, 30, 90, 1e4, 1e30];
      const input = constant(context.device, [x.length], x);
      const ones = constant(
        context.device,
        [x.length],
        x.map(() => 1),
      );
      const [y, dx] = await runTape(context.device, (tape) => {
        const gradients = watch(tape, input);
        const out = activate(tape, input, activation);
        backwardFrom(tape, out, ones);
        return [out, ...gradients()];
      });
      x.forEach((at, i) => {
        expect(Math.abs(y[i] - Math.max(0, at))).toBeLessThan(1e-6 * Math.abs(at) + 1e-6);
        if (at !== 0) expect(Math.abs(dx[i] - Number(at > 0))).toBeLessThan(1e-6);
      });
    });
  }
});
