/** Products of bytes on the CPU engine, against the same rounding in float64. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { CpuDevice } from '../../src/engine/cpu/device.ts';
import { activatedLinear, linears } from '../../src/engine/ops/linear.ts';
import { matmul } from '../../src/engine/ops/matmul.ts';
import { createQuantised, writeQuantised, type QuantisedTensor } from '../../src/engine/quantised.ts';
import { dequantise } from '../../src/weights/layouts.ts';
import { quantiseRows } from '../../src/weights/quantise.ts';
import { constant, noise, runTape, stored, worstError } from '../engine/run.ts';

const f32 = Math.fround;

/** A row as `roundRows` leaves it: steps of a 127th of its range, with zero among them. */
function rounded(row: number[]): number[] {
  const [least, most] = [Math.min(0, ...row), Math.max(0, ...row)];
  const factor = f32(f32(most - least) / 127);
  if (factor === 0) return row.map(() => 0);
  const zero = Math.round(f32(-least * f32(1 / factor)));
  return row.map((x) => (Math.min(127, Math.round(x / factor + zero)) - zero) * factor);
}

/** Φ by its series. */
function normal(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 1; k < 200; k++) sum += term *= (x * x) / (2 * k + 1);
  return 0.5 + sum * (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI));
}

describe.each(['relaxed', 'simd'] as const)('Products of bytes, %s', (build) => {
  let device: CpuDevice;
  beforeAll(async () => {
    device = await openProcessor({ threads: 2, build });
  });
  afterAll(() => device.close());

  function weights(N: number, K: number, seed: number): { tensor: QuantisedTensor; values: Float32Array } {
    const blocks = quantiseRows(Float32Array.from(noise(N * K, seed)), K);
    const tensor = createQuantised(device, [N, K], 'q8_0', 'weight', true);
    writeQuantised(device, tensor, 0, blocks);
    return { tensor, values: dequantise(blocks, 'q8_0') };
  }

  test.each([
    [1, 5, 32],
    [50, 101, 96],
  ])('%d × %d × %d, with what is added', async (M, N, K) => {
    const numbers = Float64Array.from(noise(M * K, 2), (x, i) => x + (i % 3));
    // A row without a negative number, and one of zeros.
    for (let k = 0; k < K; k++) numbers[k] = Math.abs(numbers[k]);
    if (M > 1) numbers.fill(0, K, 2 * K);
    const x = constant(device, [M, K], numbers);
    const [first, second] = [weights(N, K, 3), weights(N, K, 4)];
    const [shift, old] = [stored(noise(N, 5), 'f32'), stored(noise(M * N, 6), 'f32')];
    const bias = constant(device, [N], shift);
    const residual = constant(device, [M, N], old);
    const [plain, added, active, twice] = await runTape(
      device,
      (tape) => {
        const [y, z] = linears(tape, x, [{ w: first.tensor }, { w: second.tensor, bias, residual }]);
        const a = activatedLinear(tape, x, { w: second.tensor, bias }, 'gelu');
        const c = matmul(tape, { a: x, b: first.tensor, layout: 'NT', scale: 0.5 });
        matmul(tape, { a: x, b: second.tensor, layout: 'NT', c, accumulate: true });
        return [y, z, a, c];
      },
      false,
    );
    const values = stored(numbers, 'f32');
    const rows = Array.from({ length: M }, (_, m) => rounded([...values.subarray(m * K, (m + 1) * K)]));
    const product = ({ values }: { values: Float32Array }): number[] =>
      rows.flatMap((row) =>
        Array.from({ length: N }, (_, n) => row.reduce((sum, q, k) => sum + q * values[n * K + k], 0)),
      );
    const [y, z] = [product(first), product(second)];
    const within = 1e-5;
    expect(worstError(plain, y)).toBeLessThan(within);
    const biased = z.map((value, i) => value + shift[i % N]);
    expect(
      worstError(
        added,
        biased.map((value, i) => value + old[i]),
      ),
    ).toBeLessThan(within);
    expect(
      worstError(
        twice,
        y.map((value, i) => value / 2 + z[i]),
      ),
    ).toBeLessThan(within);
    const gelu = biased.map((value) => value * (value > 8 ? 1 : value < -8 ? 0 : normal(value)));
    active.forEach((value, i) =>
      expect(Math.abs(value - gelu[i])).toBeLessThan(3e-4 + 2e-5 * Math.abs(biased[i])),
    );
  });

  test('lets NaN through', async () => {
    const numbers = noise(2 * 32, 2);
    numbers[40] = NaN;
    const x = constant(device, [2, 32], numbers);
    const { tensor: w } = weights(4, 32, 3);
    const [y] = await runTape(device, (tape) => linears(tape, x, [{ w }]), false);
    expect([...y].map(Number.isNaN)).toEqual([...Array(4).fill(false), ...Array(4).fill(true)]);
  });
});
