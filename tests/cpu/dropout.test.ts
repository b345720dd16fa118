/** Dropout over a run: which masks differ from each other, seen in losses that nothing else changes. */
import { beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { magnitudeName } from '../../src/adapters/dora/dora.ts';
import type { AdapterTensors } from '../../src/adapters/kind.ts';
import { tensorNames } from '../../src/adapters/lora/config.ts';
import { adapterModules } from '../../src/adapters/registry.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import { dropoutInto } from '../../src/engine/ops/dropout.ts';
import { describeDevice } from '../engine/adapters.ts';
import { constant, noise, runTape, worstError } from '../engine/run.ts';
import { base, trainersOnSprig } from '../engine/trainer-run.ts';

const DROPPING = { ...base, dropout: 0.3 };
/** So small a rate changes no weight in f32: losses differ by their masks only. */
const STILL = { lr: 1e-30, batch: 1, steps: 4, schedule: 'constant', dropout: 0.3 } as const;

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
    const still = await lossesOf({ dropout: 0 });
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

  test('hides from DoRA what it hides from LoRA, and nothing from the frozen layer', async () => {
    const { device } = context;
    const [M, N, K, R] = [3, 8, 12, 4];
    const module = { path: 'layer', inputs: K, outputs: N, rank: R, scale: 0.5, kind: 'dora' };
    const names = tensorNames(module.path);
    const [x, w, a, b] = [M * K, N * K, R * K, N * R].map((size, at) =>
      Float64Array.from(noise(size, at + 1), Math.fround),
    );
    const lengths = Float64Array.from({ length: N }, (_, n) => 1 + n);
    const values: AdapterTensors = new Map([
      [names.a, Float32Array.from(a)],
      [names.b, Float32Array.from(b)],
      [magnitudeName(module.path), Float32Array.from(lengths)],
    ]);
    const adapter = new Adapter(device, [module], values, { trainable: true });
    const dropout = { probability: 0.5, seed: constant(device, [1], [5], 'u32') };
    const input = constant(device, [M, K], x);
    const [y, kept] = await runTape(device, (tape) => {
      const dropped = tape.tensor([M, K], 'f32', 'dropped');
      dropoutInto(tape, input, dropped, { ...dropout, salt: 0 });
      const out = adapter.linear(module.path, dropout)!(tape, input, { weight: constant(device, [N, K], w) });
      return [out, dropped];
    });
    expect(kept).toContain(0);
    // y = W (x − x') + m / ‖W + s B A‖ · (W + s B A) x', for x' = dropout(x).
    const expected = Float64Array.from({ length: M * N }, (_, at) => {
      const [m, n] = [Math.floor(at / N), at % N];
      let [frozen, adapted, squares] = [0, 0, 0];
      for (let k = 0; k < K; k++) {
        let sum = w[n * K + k];
        for (let r = 0; r < R; r++) sum += 0.5 * b[n * R + r] * a[r * K + k];
        frozen += w[n * K + k] * (x[m * K + k] - kept[m * K + k]);
        adapted += sum * kept[m * K + k];
        squares += sum ** 2;
      }
      return frozen + (lengths[n] / Math.sqrt(squares)) * adapted;
    });
    expect(worstError(y, expected)).toBeLessThan(1e-5);
    adapter.destroy();
  });
});
