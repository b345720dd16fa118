/** Work that is too large for a submit: it is cut in submits and dispatches, and its results have the same bits. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { matmul, type Layout, type MatmulOptions } from '../../src/engine/ops/matmul.ts';
import { Tape } from '../../src/engine/tape.ts';
import type { DType, Tensor } from '../../src/engine/tensor.ts';
import { openDevice, type GpuDevice } from '../../src/engine/webgpu/device.ts';
import { describeDevice, type AdapterContext } from '../engine/adapters.ts';
import { constant, noise } from '../engine/run.ts';
import { nameless } from './late-gpu.ts';

interface Made {
  readonly values: readonly ArrayBuffer[];
  readonly dispatches: number;
}

/** What a tape computes if a submit holds so many operations. */
async function run(
  { gpu }: AdapterContext,
  flopsPerSubmit: number,
  record: (tape: Tape) => Tensor[],
): Promise<Made> {
  const before = gpu.tuning;
  gpu.tuning = { ...before, flopsPerSubmit };
  const pool = gpu.createPool();
  try {
    const tape = new Tape(gpu, true);
    const results = record(tape);
    const plan = await gpu.compile(tape, pool);
    plan.run();
    const values: ArrayBuffer[] = [];
    for (const result of results) values.push(await plan.read(result));
    plan.destroy();
    return { values, dispatches: plan.size.commands.length };
  } finally {
    gpu.tuning = before;
    pool.destroy();
  }
}

/** Both ways; expects more dispatches and the same bits. */
async function expectSameBits(context: AdapterContext, record: (tape: Tape) => Tensor[]): Promise<void> {
  const whole = await run(context, 1e15, record);
  const cut = await run(context, 2e5, record);
  expect(cut.dispatches).toBeGreaterThan(whole.dispatches + 1);
  expect(cut.values.map((bytes) => new Uint8Array(bytes))).toEqual(
    whole.values.map((bytes) => new Uint8Array(bytes)),
  );
  for (const bytes of whole.values) expect(new Uint8Array(bytes).some((byte) => byte !== 0)).toBe(true);
}

// The cut does not depend on the kernel of a product, and those for GPUs take half a minute to compile here.
describeDevice('a product that is too large', (context) => {
  const [M, N, K, R] = [300, 72, 64, 8];
  const matrix = (rows: number, columns: number, seed: number, dtype: DType = 'f32'): Tensor =>
    constant(context.device, [rows, columns], noise(rows * columns, seed), dtype);

  test.each([
    ['NT', 'f32'],
    ['NN', 'f32'],
    ['TN', 'f32'],
    ['NT', 'f16'],
  ] satisfies [Layout, DType][])('a product %s of %s is cut over rows', async (layout, dtype) => {
    if (dtype === 'f16' && !context.f16) return;
    const a = layout === 'TN' ? matrix(K, M, 1, dtype) : matrix(M, K, 1, dtype);
    const b = layout === 'NT' ? matrix(N, K, 2, dtype) : matrix(K, N, 2, dtype);
    const more: Partial<MatmulOptions> =
      layout === 'TN'
        ? { scale: 0.5 }
        : {
            lowRank: {
              z: matrix(M, R, 3, dtype),
              l: layout === 'NT' ? matrix(N, R, 4, dtype) : matrix(R, N, 4, dtype),
              scale: 2,
            },
            residual: matrix(M, N, 5, dtype),
            ...(layout === 'NT' && { bias: constant(context.device, [N], noise(N, 6)) }),
          };
    await expectSameBits(context, (tape) => {
      const c = tape.pinned([M, N], dtype, 'product');
      matmul(tape, { a, b, c, layout, ...more });
      return [c];
    });
  });
});

describeDevice('a GPU that is slower than its tuning says', ({ name }) => {
  let device: GpuDevice;
  let seconds = 0;
  beforeAll(async () => {
    device = await openDevice(nameless(name, 0), { kernels: 'software', now: () => seconds });
  });
  afterAll(() => device.close());

  test('gets its work in shorter submits from the next run on, until other kernels take over', async () => {
    const [a, b] = [1, 2].map((seed) => constant(device, [32, 32], noise(1024, seed)));
    const tape = new Tape(device);
    const products = [1, 2, 3, 4].map((index) => {
      const c = tape.pinned([32, 32], 'f32', `product ${index}`);
      matmul(tape, { a, b, layout: 'NT', c });
      return c;
    });
    const pool = device.createPool();
    const plan = await device.compile(tape, pool);
    expect(plan.submits).toBe(1);
    plan.run();
    const first = await plan.read(products[3]);
    plan.run();
    seconds += 60;
    await device.settle();
    plan.run();
    expect(plan.submits).toBe(4);
    expect(await plan.read(products[3])).toEqual(first);
    device.tuning = { ...device.tuning };
    plan.run();
    expect(plan.submits).toBe(1);
    await device.settle();
    plan.destroy();
    pool.destroy();
  });
});
