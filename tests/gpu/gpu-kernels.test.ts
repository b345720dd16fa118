/**
 * Whole models with the builds of kernels that GPUs get, and on a device with no more than WebGPU's default limits, against the CPU engine. The kernels
 * themselves are compared with float64 in their own tests.
 */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { CpuDevice } from '../../src/engine/cpu/device.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { greedy, type Sampling } from '../../src/model/sampling.ts';
import { describeDevice, TEST_KERNELS, type AdapterContext } from '../engine/adapters.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { trainersOnSprig } from '../engine/trainer-run.ts';

/** Whether this run is that of the builds for GPUs, which is the long one. */
const FULL = TEST_KERNELS === 'gpu';
/** Steps of a curve. */
const STEPS = FULL ? 20 : 4;

/** The losses of a run on a device and those of the CPU engine are at most this far apart, relatively. */
const CLOSE = { f32: 2e-5, f16: 1e-2 };

const drawn: Sampling = { ...greedy, temperature: 0.9, topK: 40, topP: 0.95 };

function describeModels(context: AdapterContext, precisions: readonly ('f32' | 'f16')[]): void {
  const { given, open } = trainersOnSprig(context);
  let processor: CpuDevice;
  let reference: LanguageModel;
  beforeAll(async () => {
    processor = await openProcessor({ threads: 1 });
    reference = await LanguageModel.load(processor, sprigFolder(), { precision: 'f32' });
  });
  afterAll(async () => {
    await reference.destroy();
    processor.close();
  });

  for (const precision of precisions)
    test(`${STEPS} steps of training in ${precision} have the losses of the CPU engine`, async () => {
      const model =
        precision === 'f32'
          ? given.model
          : await LanguageModel.load(context.device, sprigFolder(), { precision });
      onTestFinished(() => (model === given.model ? undefined : model.destroy()));
      const run = await open({ steps: STEPS }, { on: model });
      const expected = await open({ steps: STEPS }, { on: reference });
      await run.trainer.run();
      await expected.trainer.run();
      expect(run.steps).toHaveLength(STEPS);
      expect(expected.steps[STEPS - 1].loss).toBeLessThan(expected.steps[0].loss);
      for (const [i, { loss, gradNorm }] of run.steps.entries()) {
        expect(Math.abs(loss / expected.steps[i].loss - 1), `loss ${i + 1}`).toBeLessThan(CLOSE[precision]);
        expect(Math.abs(gradNorm / expected.steps[i].gradNorm - 1), `norm ${i + 1}`).toBeLessThan(
          10 * CLOSE[precision],
        );
      }
    });

  test.each([
    ['greedy', greedy],
    ['drawn', drawn],
  ])('a %s answer is that of the CPU engine', async (_, sampling) => {
    const prompts = [given.rows[0].ids.slice(0, 13), given.rows[1].ids.slice(0, 5)];
    const answers = async (model: LanguageModel): Promise<number[][]> => {
      const generator = new Generator(model, prompts.length, 64);
      try {
        const options = { maxNewTokens: 9, sampling, seed: 3, stopIds: [] };
        return (await generator.generate(prompts, options)).map(({ ids }) => ids);
      } finally {
        await model.device.settle();
        generator.destroy();
      }
    };
    expect(await answers(given.model)).toEqual(await answers(reference));
  });
}

describeDevice(
  'Models with the builds for GPUs',
  (context) => {
    test('are compiled for threads that share memory', () => {
      expect(context.gpu).toMatchObject({ software: true, kernels: 'gpu' });
      expect(context.gpu.tuning.matmul.family).toBe('tiles');
    });
    // Kernels in half precision take lavapipe most of a minute to compile.
    describeModels(context, FULL ? ['f32', 'f16'] : []);
  },
  { options: { kernels: 'gpu' } },
);

describeDevice(
  'Models on the least device',
  (context) => {
    test('have the default limits of WebGPU, neither f16 nor subgroups', () => {
      expect(context.gpu.features).toEqual({ f16: false, subgroups: false, timestamps: false });
      expect(context.gpu.limits).toMatchObject({
        maxComputeWorkgroupStorageSize: 2 ** 14,
        maxComputeInvocationsPerWorkgroup: 256,
        maxStorageBufferBindingSize: 2 ** 27,
        maxBufferSize: 2 ** 28,
      });
      expect(context.gpu.gpu.limits.maxStorageBuffersPerShaderStage).toBe(8);
    });
    describeModels(context, ['f32']);
  },
  { own: true, options: { kernels: 'gpu', least: true } },
);
