/** Threads and builds of the CPU engine: the division of work must not affect the result. */
import { describe, expect, test } from 'vitest';
import { openProcessor, type CpuChoices } from '../../src/cli/cpu.ts';
import { attention } from '../../src/engine/ops/attention.ts';
import { linearCrossEntropy } from '../../src/engine/ops/cross_entropy.ts';
import { linear } from '../../src/engine/ops/linear.ts';
import type { CpuDevice } from '../../src/engine/cpu/device.ts';
import type { Tape } from '../../src/engine/tape.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { constant, noise, runTape, watch, worstError } from '../engine/run.ts';

const [M, H, KV, D, V, R] = [131, 6, 2, 32, 519, 8];
const C = H * D;

/** A layer with an adapter, attention and the head, forward and back: everything that has a sum over rows, columns or keys. */
function layer(device: CpuDevice): (tape: Tape) => Tensor[] {
  const numbers = (shape: number[], seed: number, grad = false): Tensor =>
    constant(device, shape, noise(shape[0] * shape[1], seed, 0.3), 'f32', grad);
  const x = numbers([M, C], 1);
  const wq = numbers([C, C], 2);
  const wk = numbers([KV * D, C], 3);
  const lora = { a: numbers([R, C], 4, true), b: numbers([C, R], 5, true), scale: 2 };
  const head = numbers([V, C], 6, true);
  const keys = Array.from({ length: M }, (_, m) => [m < 70 ? 0 : 70, m + 1]).flat();
  const queries = Array.from({ length: M }, (_, m) => [m, m < 70 ? 70 : M]).flat();
  const keyRanges = constant(device, [M, 2], keys, 'u32');
  const queryRanges = constant(device, [M, 2], queries, 'u32');
  const labels = constant(
    device,
    [M],
    Array.from({ length: M }, (_, m) => (m * 7) % V),
    'u32',
  );
  return (tape) => {
    const gradients = watch(tape, x);
    const q = linear(tape, x, wq, { lora, residual: x });
    const k = linear(tape, x, wk);
    const shape = { heads: H, kvHeads: KV, headSize: D, scale: 1 / Math.sqrt(D) };
    const o = attention(tape, { q, k, v: k, keyRanges, queryRanges, ...shape });
    const loss = linearCrossEntropy(tape, o, head, labels);
    tape.backward(loss);
    return [loss, o, ...gradients(), lora.a.gradient!, lora.b.gradient!, head.gradient!];
  };
}

async function results(choices: CpuChoices): Promise<Float64Array[]> {
  const device = await openProcessor(choices);
  try {
    return await runTape(device, layer(device));
  } finally {
    device.close();
  }
}

describe('CPU engine', () => {
  test.each(['relaxed', 'simd'] as const)('1, 2, 3 and 8 threads give the same bits (%s)', async (build) => {
    const alone = await results({ threads: 1, build });
    expect(alone.every((values) => values.some((value) => value !== 0))).toBe(true);
    for (const threads of [2, 3, 8]) expect(await results({ threads, build })).toEqual(alone);
  });

  test('both builds compute the same except for rounding, and identify themselves', async () => {
    const relaxed = await results({ build: 'relaxed' });
    const simd = await results({ build: 'simd' });
    relaxed.forEach((values, i) => expect(worstError(values, simd[i])).toBeLessThan(1e-5));
    for (const build of ['relaxed', 'simd'] as const) {
      const device = await openProcessor({ threads: 2, build });
      expect(device.adapter.architecture).toBe(`${build === 'relaxed' ? 'relaxed SIMD' : 'SIMD'}, 2 threads`);
      device.close();
    }
  });

  test('a plan of many commands runs hundreds of times', async () => {
    const device = await openProcessor({ threads: 3 });
    const [first] = await runTape(device, layer(device));
    for (let i = 0; i < 30; i++) {
      const [again] = await runTape(device, layer(device));
      expect(again).toEqual(first);
    }
    device.close();
  });

  test('a closed device says so', async () => {
    const device = await openProcessor({ threads: 2 });
    device.close();
    expect(() => device.upload([4], 'f32', 'late')).toThrow('was closed');
  });
});
