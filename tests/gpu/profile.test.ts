/** A profile names kernels and counts their runs; a part of a plan is replayed alone. */
import { expect, test } from 'vitest';
import { add, copy } from '../../src/engine/ops/add.ts';
import { matmul } from '../../src/engine/ops/matmul.ts';
import { Tape } from '../../src/engine/tape.ts';
import { describeAdapters } from '../engine/adapters.ts';
import { constant, decode, noise } from '../engine/run.ts';

describeAdapters('profile', (context) => {
  async function compile() {
    const { device } = context;
    const a = constant(device, [16, 8], noise(128, 1));
    const b = constant(device, [12, 8], noise(96, 2));
    const tape = new Tape(device);
    const c = tape.pinned([16, 12], 'f32', 'product');
    const d = tape.pinned([16, 12], 'f32', 'sum');
    matmul(tape, { a, b, layout: 'NT', c });
    copy(tape, add(tape, c, add(tape, c, c)), d);
    const pool = device.createPool();
    const plan = await device.compile(tape, pool);
    const values = async (tensor: typeof c): Promise<Float64Array> =>
      decode(await plan.read(tensor), 'f32', tensor.size);
    return { plan, c, d, values, destroy: () => (plan.destroy(), pool.destroy()) };
  }

  test.each([true, false])('names every kernel with its dispatches (timestamps: %s)', async (timestamps) => {
    const { plan, destroy } = await compile();
    const { device } = context;
    const { method, kernels, seconds } = await device.profile([plan, plan], { runs: 2, timestamps });
    expect(method).toBe(timestamps && context.gpu.features.timestamps ? 'timestamps' : 'alone');
    const counts = Object.fromEntries(kernels.map(({ kernel, dispatches }) => [kernel, dispatches]));
    const product = kernels.find(({ matmul }) => matmul)!;
    expect(product.kernel).toMatch(/^matmul_\w+ NT 16×12×8$/);
    expect(counts).toEqual({ [product.kernel]: 2, 'add add': 4, 'add copy': 2 });
    const times = kernels.map((kernel) => kernel.seconds);
    expect(times.every((time) => Number.isFinite(time) && time >= 0)).toBe(true);
    expect(times).toEqual([...times].sort((x, y) => y - x));
    expect(seconds).toBeCloseTo(
      times.reduce((sum, time) => sum + time, 0),
      12,
    );
    if (method === 'timestamps') expect(seconds).toBeGreaterThan(0);
    // A profile frees everything that it took.
    const before = device.allocatedBytes;
    await device.profile([plan], { runs: 1, timestamps });
    expect(device.allocatedBytes).toBe(before);
    destroy();
  });

  test('replays matrix products without what surrounds them', async () => {
    const { plan, c, d, values, destroy } = await compile();
    context.device.replayMatmuls(plan);
    const product = await values(c);
    expect(product.every((value) => value !== 0)).toBe(true);
    expect((await values(d)).every((value) => value === 0)).toBe(true);
    plan.run();
    expect(await values(c)).toEqual(product);
    expect(await values(d)).toEqual(product.map((value) => Math.fround(value + Math.fround(2 * value))));
    destroy();
  });
});
