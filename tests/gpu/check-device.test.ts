/** The comparison of a GPU with the processor: correct kernels agree, and wrong ones are given up. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { CpuDevice } from '../../src/engine/cpu/device.ts';
import { defaultTuning, withKernels } from '../../src/engine/webgpu/tuning.ts';
import { checkDevice, refuseDiffering } from '../../src/evaluate/check-device.ts';
import { checkWords } from '../../src/evaluate/check-words.ts';
import { HEADS } from '../../src/evaluate/self-test-further.ts';
import { compareDevices, HALF_PRECISION, SELF_TEST } from '../../src/evaluate/self-test.ts';
import { type SelfTestCase } from '../../src/evaluate/self-test-case.ts';
import { describeDevice, describeGpuBuilds } from '../engine/adapters.ts';

describeDevice('a GPU against the processor', (context) => {
  let processor: CpuDevice;
  beforeAll(async () => {
    processor = await openProcessor({ threads: 1 });
  });
  afterAll(() => processor.close());

  test('agrees in every case', async () => {
    const results = await compareDevices(context.gpu, processor, SELF_TEST);
    expect(results.filter(({ agrees }) => !agrees)).toEqual([]);
    // Only the order of sums differs.
    expect(Math.max(...results.map(({ error }) => error))).toBeLessThan(1e-5);
    expect(results.length).toBeGreaterThan(20);
  });

  test('agrees in half precision as far as that goes', async () => {
    const cases = [HALF_PRECISION, ...HEADS.map(({ half }) => half)];
    for (const { error, agrees } of await compareDevices(context.gpu, processor, cases)) {
      expect(agrees).toBe(true);
      // In f32 throughout, it would be smaller.
      expect(error).toBeGreaterThan(1e-4);
    }
  });

  test('agrees with the kernels of a real GPU', async () => {
    const { gpu } = context;
    const before = gpu.tuning;
    try {
      gpu.tuning = defaultTuning({ vendor: 'a real one', architecture: '', description: '' });
      // Only those of f32: each block layout takes seconds to compile, and is tested with these kernels elsewhere (quantised.test.ts).
      const products = SELF_TEST.filter(({ name }) => /^product \w+ \d/.test(name));
      const check = await checkDevice(gpu, processor, {}, products);
      expect(check).toMatchObject({ cases: products.length, dropped: [], differing: [] });
      gpu.tuning = { ...gpu.tuning, matmul: { ...gpu.tuning.matmul, family: 'plain' } };
      expect(await checkDevice(gpu, processor, {}, products)).toMatchObject({ dropped: [], differing: [] });
    } finally {
      gpu.tuning = before;
    }
  });

  test('gives up what differs, and no more', async () => {
    const { gpu } = context;
    const before = gpu.tuning;
    /** Simulates a driver that miscompiles some kernels. */
    const wrongWhile = (name: string, isWrong: () => boolean): SelfTestCase => ({
      name,
      tolerance: 1e-3,
      run: (device) => Promise.resolve(new Map([['y', [1, device === gpu && isWrong() ? NaN : 2]]])),
    });
    try {
      gpu.tuning = defaultTuning({ vendor: 'a real one', architecture: '', description: '' });
      const tall = wrongWhile('tall', () => gpu.tuning.matmul.tallTiles);
      const check = await checkDevice(gpu, processor, {}, [tall, ...SELF_TEST.slice(0, 1)]);
      expect(check).toMatchObject({ cases: 2, dropped: ['tall tiles'], differing: [] });
      expect(gpu.tuning.matmul).toMatchObject({ family: 'tiles', quads: true, tallTiles: false });
      expect(checkWords(check)).toMatch(/^All 2 checks agree .* Given up.*: tall tiles\.$/);
      expect(() => refuseDiffering(check, 'It', 'Do something.')).not.toThrow();

      const rows = wrongWhile('rows', () => !gpu.tuning.simple.rows);
      const queries = wrongWhile('attention', () => !gpu.tuning.simple.attention);
      expect(await checkDevice(gpu, processor, {}, [rows, queries])).toMatchObject({
        dropped: ['threads that share a row', 'attention in shared memory'],
        differing: [],
      });
      expect(gpu.tuning.matmul.family).toBe('tiles');
      gpu.tuning = defaultTuning({ vendor: 'a real one', architecture: '', description: '' });
      const two = wrongWhile('a model', () => !gpu.tuning.simple.rows || !gpu.tuning.simple.attention);
      expect((await checkDevice(gpu, processor, {}, [two])).dropped).toEqual([
        'all kernels whose threads share anything',
      ]);
      gpu.tuning = defaultTuning({ vendor: 'a real one', architecture: '', description: '' });

      const always = wrongWhile('always', () => true);
      const family = wrongWhile('tiled', () => gpu.tuning.matmul.family !== 'plain');
      const both = await checkDevice(gpu, processor, {}, [always, family]);
      expect(both.differing).toEqual(['always']);
      expect(gpu.tuning.matmul.family).toBe('plain');
      expect(() => refuseDiffering(both, 'It', 'Do something.')).toThrow(
        expect.objectContaining({
          code: 'device-differs',
          what: expect.stringMatching(/^It does not compute what it should\. 1 of 2 checks differ/) as string,
        }),
      );
    } finally {
      gpu.tuning = before;
    }
  });
});

describeGpuBuilds('what a GPU falls back to', (context) => {
  test('agrees with the processor, without tiles of attention', async () => {
    const { gpu } = context;
    const before = gpu.tuning;
    const processor = await openProcessor({ threads: 1 });
    const split = vi.spyOn(gpu.lowering, 'split');
    try {
      gpu.tuning = withKernels(before, {
        matmul: { family: 'registers', quads: false },
        simple: { attention: true, rows: true },
      });
      const cases = SELF_TEST.filter(({ name }) => name === 'an adapter' || name === 'answers');
      const check = await checkDevice(gpu, processor, {}, cases);
      expect(check).toMatchObject({ cases: 2, dropped: [], differing: [] });
      const kernels = new Set(split.mock.calls.flatMap(([commands]) => commands.map(({ label }) => label)));
      expect(kernels).toContain('attention');
      expect(kernels).not.toContain('attention_tile');
      expect(kernels).not.toContain('attention_decode');
    } finally {
      split.mockRestore();
      gpu.tuning = before;
      processor.close();
    }
  });
});
