/** Dropout over a run: which masks differ from each other, seen in losses that nothing else changes. */
import { beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import type { AdapterTensors } from '../../src/adapters/kind.ts';
import { tensorNames, type LoraConfig } from '../../src/adapters/lora/config.ts';
import { adapterModules } from '../../src/adapters/registry.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import { describeDevice } from '../gpu/adapters.ts';
import { constant, noise, runTape } from '../gpu/run.ts';
import { base, trainersOnSprig } from '../gpu/trainer-run.ts';

const DROPPING: LoraConfig = { ...base.lora, dropout: 0.3 };
/** So small a rate changes no weight in f32: losses differ by their masks only. */
const STILL = { lr: 1e-30, batch: 1, steps: 4, schedule: 'constant', lora: DROPPING } as const;

describeDevice('Dropout in a run', (context) => {
  const { given, open } = trainersOnSprig(context);
  let tensors: AdapterTensors;
  let row: PreparedRow;
  beforeAll(() => {
    const modules = adapterModules(given.model.definition, DROPPING);
    // B is not zero: otherwise masks change nothing.
    tensors = new Map(
      modules.flatMap((module) => {
        const { a, b } = tensorNames(module.path);
        const numbers = (count: number, seed: number): Float32Array<ArrayBuffer> =>
          Float32Array.from(noise(count, seed, 0.2));
        return [
          [a, numbers(4 * module.inputs, 1)],
          [b, numbers(4 * module.outputs, 2)],
        ];
      }),
    );
    [row] = given.rows;
  });

  async function lossesOf(changes: Partial<typeof base> = {}): Promise<number[]> {
    const run = await open({ ...STILL, ...changes }, { rows: [row], tensors });
    await run.trainer.run();
    return run.steps.map(({ loss }) => loss);
  }

  test('drops other elements at every step', async () => {
    const still = await lossesOf({ lora: base.lora });
    expect(new Set(still).size).toBe(1);
    expect(new Set(await lossesOf()).size).toBe(4);
  });

  test('drops other elements in every micro-batch of a step', async () => {
    const one = await lossesOf();
    // The same row twice: with one mask for both its mean is that of one.
    const two = await lossesOf({ accumulate: 2 });
    two.forEach((loss, step) => expect(Math.abs(loss - one[step])).toBeGreaterThan(1e-4));
  });

  test('drops other elements with another seed, and the same with the same', async () => {
    const losses = await lossesOf({ seed: 7 });
    expect(await lossesOf({ seed: 7 })).toEqual(losses);
    const others = await lossesOf({ seed: 8 });
    others.forEach((loss, step) => expect(loss).not.toBe(losses[step]));
  });

  test('drops other elements in every layer', async () => {
    const { device } = context;
    const modules = adapterModules(given.model.definition, DROPPING).filter(({ path }) =>
      path.endsWith('q_proj'),
    );
    const [{ inputs, outputs }] = modules;
    const adapter = new Adapter(device, modules, tensors, { trainable: true });
    const x = constant(device, [6, inputs], noise(6 * inputs, 3));
    const weight = constant(device, [outputs, inputs], noise(inputs * outputs, 4));
    const outputsWith = (probability: number): Promise<Float64Array[]> => {
      const dropout = { probability, seed: constant(device, [1], [5], 'u32') };
      return runTape(device, (tape) =>
        modules.map(({ path }) => adapter.linear(path, dropout)!(tape, x, { weight })),
      );
    };
    // The layers have equal factors, so only their masks can differ.
    for (const other of (await outputsWith(0)).slice(1)) expect(other).toEqual((await outputsWith(0))[0]);
    const all = await outputsWith(0.3);
    expect(all.length).toBeGreaterThan(1);
    expect(new Set(all.map((values) => values.join())).size).toBe(all.length);
    adapter.destroy();
  });
});
