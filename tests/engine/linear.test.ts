import { expect, test } from 'vitest';
import { dropoutInto } from '../../src/engine/ops/dropout.ts';
import { linear } from '../../src/engine/ops/linear.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, watch, worstError } from './run.ts';

/** C [M, N] = A [M, K] · B [K, N] with strides, in float64. */
function product(
  a: Float64Array,
  b: Float64Array,
  M: number,
  N: number,
  K: number,
  transposeA = false,
  transposeB = false,
): Float64Array {
  return Float64Array.from({ length: M * N }, (_, i) => {
    const m = Math.floor(i / N);
    const n = i % N;
    let sum = 0;
    for (let k = 0; k < K; k++)
      sum += a[transposeA ? k * M + m : m * K + k] * b[transposeB ? n * K + k : k * N + n];
    return sum;
  });
}
const plus = (a: Float64Array, b: Float64Array, scale = 1): Float64Array =>
  a.map((value, i) => value + scale * b[i]);

describeAdapters('Linear with LoRA', (context) => {
  for (const [M, N, K] of [
    [1, 4, 8],
    [9, 20, 12],
    [33, 65, 36],
  ]) {
    test(`[${M}, ${K}] → ${N}: everything trained, bias and residual`, async () => {
      const { device } = context;
      const R = 4;
      const scale = 1.75;
      const [x, w, a, b, bias, residual, dy] = [M * K, N * K, R * K, N * R, N, M * N, M * N].map(
        (size, seed) => noise(size, seed + 1),
      );
      const input = constant(device, [M, K], x);
      const rest = constant(device, [M, N], residual);
      const weight = constant(device, [N, K], w, 'f32', true);
      const loraA = constant(device, [R, K], a, 'f32', true);
      const loraB = constant(device, [N, R], b, 'f32', true);
      const offset = constant(device, [N], bias, 'f32', true);
      const [y, dx, dr, dw, da, db, dbias] = await runTape(device, (tape) => {
        const gradients = watch(tape, input, rest);
        const out = linear(tape, input, weight, {
          bias: offset,
          residual: rest,
          lora: { a: loraA, b: loraB, scale },
        });
        backwardFrom(tape, out, constant(device, [M, N], dy));
        return [out, ...gradients(), weight.gradient!, loraA.gradient!, loraB.gradient!, offset.gradient!];
      });
      const z = product(x, a, M, R, K, false, true);
      const dz = product(dy, b, M, R, N);
      const expectedY = plus(
        plus(product(x, w, M, N, K, false, true), product(z, b, M, N, R, false, true), scale),
        residual,
      ).map((value, i) => value + bias[i % N]);
      expect(worstError(y, expectedY)).toBeLessThan(1e-5);
      expect(worstError(dx, plus(product(dy, w, M, K, N), product(dz, a, M, K, R), scale))).toBeLessThan(
        1e-5,
      );
      expect(worstError(dr, dy)).toBeLessThan(1e-6);
      expect(worstError(dw, product(dy, x, N, K, M, true))).toBeLessThan(1e-5);
      expect(
        worstError(
          da,
          product(dz, x, R, K, M, true).map((value) => value * scale),
        ),
      ).toBeLessThan(1e-5);
      expect(
        worstError(
          db,
          product(dy, z, N, R, M, true).map((value) => value * scale),
        ),
      ).toBeLessThan(1e-5);
      expect(worstError(dbias, product(new Float64Array(M).fill(1), dy, 1, N, M))).toBeLessThan(1e-5);
    });
  }

  test('times a factor, residual apart: result and all gradients', async () => {
    const { device } = context;
    const [M, N, K, R] = [5, 12, 8, 4];
    const factor = 0.3;
    const [x, w, a, b, residual, dy] = [M * K, N * K, R * K, N * R, M * N, M * N].map((size, i) =>
      noise(size, i + 1),
    );
    const input = constant(device, [M, K], x);
    const rest = constant(device, [M, N], residual);
    const [plain, scaled] = [1, factor].map(async (scale) => {
      const weight = constant(device, [N, K], w, 'f32', true);
      const [loraA, loraB] = [
        constant(device, [R, K], a, 'f32', true),
        constant(device, [N, R], b, 'f32', true),
      ];
      return runTape(device, (tape) => {
        const gradients = watch(tape, input, rest);
        const lora = { a: loraA, b: loraB, scale: 2 };
        const out = linear(tape, input, weight, { residual: rest, lora, scale });
        backwardFrom(tape, out, constant(device, [M, N], dy));
        return [out, ...gradients(), weight.gradient!, loraA.gradient!, loraB.gradient!];
      });
    });
    const [y, dx, dr, ...dws] = await plain;
    const [scaledY, scaledDx, scaledDr, ...scaledDws] = await scaled;
    const expectedY = y.map((value, i) => factor * (value - residual[i]) + residual[i]);
    expect(worstError(scaledY, expectedY)).toBeLessThan(1e-5);
    expect(worstError(scaledDr, dr)).toBe(0);
    for (const [ours, whole] of [[scaledDx, dx], ...scaledDws.map((dw, i) => [dw, dws[i]])])
      expect(
        worstError(
          ours,
          whole.map((value) => value * factor),
        ),
      ).toBeLessThan(1e-5);
  });

  test('dropout drops the same elements forward and backward, about as many as asked', async () => {
    const { device } = context;
    const size = 4096;
    const ones = constant(device, [64, 64], new Float64Array(size).fill(1));
    const seed = constant(device, [1], [12345], 'u32');
    const dropout = { probability: 0.25, seed, salt: 3 };
    const [kept, again, other] = await runTape(device, (tape) => {
      const make = (salt: number): ReturnType<typeof tape.tensor> => {
        const y = tape.tensor([64, 64], 'f32', 'dropped');
        dropoutInto(tape, ones, y, { ...dropout, salt });
        return y;
      };
      return [make(3), make(3), make(4)];
    });
    expect(again).toEqual(kept);
    expect(other).not.toEqual(kept);
    const count = kept.filter((value) => value > 0).length;
    // Five standard deviations of a binomial.
    expect(Math.abs(count - size * 0.75)).toBeLessThan(5 * Math.sqrt(size * 0.75 * 0.25));
    expect(kept.every((value) => value === 0 || Math.abs(value - 1 / 0.75) < 1e-6)).toBe(true);
  });

  test('dropout keeps what a hash of seed, salt and place says', async () => {
    const { device } = context;
    const probability = 0.4;
    // PCG's output function (Jarzynski and Olano, Hash Functions for GPU Rendering, 2020), in whole numbers.
    const pcg = (value: number): number => {
      const state = (Math.imul(value, 747796405) + 2891336453) >>> 0;
      const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
      return ((word >>> 22) ^ word) >>> 0;
    };
    const x = noise(300, 8);
    const input = constant(device, [3, 100], x);
    for (const [seed, salt] of [
      [1, 0],
      [2, 0],
      [4294967295, 9],
    ]) {
      const [y] = await runTape(device, (tape) => {
        const out = tape.tensor([3, 100], 'f32', 'dropped');
        dropoutInto(tape, input, out, { probability, seed: constant(device, [1], [seed], 'u32'), salt });
        return [out];
      });
      const place = pcg((salt + pcg(seed)) >>> 0);
      const expected = x.map((value, i) =>
        (pcg((i + place) >>> 0) >>> 8) / 2 ** 24 >= Math.fround(probability) ? value / (1 - probability) : 0,
      );
      expect(worstError(y, expected), `seed ${seed}, salt ${salt}`).toBeLessThan(1e-6);
    }
  });

  test('gradients with dropout are those of the masked input', async () => {
    const { device } = context;
    const [M, N, K, R] = [8, 12, 16, 4];
    const [x, w, a, b, dy] = [M * K, N * K, R * K, N * R, M * N].map((size, i) => noise(size, i + 1));
    const seed = constant(device, [1], [99], 'u32');
    const dropout = { probability: 0.5, seed, salt: 7 };
    const input = constant(device, [M, K], x);
    const loraA = constant(device, [R, K], a, 'f32', true);
    const loraB = constant(device, [N, R], b, 'f32', true);
    const [y, dx, da, mask] = await runTape(device, (tape) => {
      const gradients = watch(tape, input);
      const out = linear(tape, input, constant(device, [N, K], w), {
        lora: { a: loraA, b: loraB, scale: 2, dropout },
      });
      backwardFrom(tape, out, constant(device, [M, N], dy));
      const masked = tape.tensor([M, K], 'f32', 'mask');
      dropoutInto(tape, constant(device, [M, K], new Float64Array(M * K).fill(1)), masked, dropout);
      return [out, ...gradients(), loraA.gradient!, masked];
    });
    const dropped = x.map((value, i) => value * mask[i]);
    const z = product(dropped, a, M, R, K, false, true);
    const dz = product(dy, b, M, R, N);
    const through = product(dz, a, M, K, R).map((value, i) => value * mask[i]);
    expect(
      worstError(y, plus(product(x, w, M, N, K, false, true), product(z, b, M, N, R, false, true), 2)),
    ).toBeLessThan(1e-5);
    expect(worstError(dx, plus(product(dy, w, M, K, N), through, 2))).toBeLessThan(1e-5);
    expect(
      worstError(
        da,
        product(dz, dropped, R, K, M, true).map((value) => value * 2),
      ),
    ).toBeLessThan(1e-5);
  });
});
