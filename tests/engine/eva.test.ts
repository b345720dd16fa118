/** EVA against PEFT: directions, explained variance, ranks and 20 steps of training from its start, by the numbers of tests/reference/peft. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EvaConfig } from '../../src/adapters/eva/config.ts';
import { eva } from '../../src/adapters/eva/eva.ts';
import type { Begun, RowInputs, StartProgress } from '../../src/adapters/kind.ts';
import type { LoraConfig, LoraModule } from '../../src/adapters/lora/config.ts';
import { file } from '../../src/cli/files.ts';
import { portableAdapter, readPeft, writePeft } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { leadingVectors } from '../../src/adapters/svd.ts';
import { Random } from '../../src/random.ts';
import {
  adapterShape,
  makeTrainable,
  type TrainedSubject,
  type TimedStart,
} from '../../src/runs/trainable.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { startBuckets } from '../../src/train/buckets.ts';
import { rowBatches, rowInputs } from '../../src/train/row-inputs.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeOnCpu } from './adapters.ts';
import { peftFile as at, peftLines as lines, readTensors, type CurveSettings } from './reference-file.ts';
import { sprigFolder } from './sprig.ts';
import { specOf, type RunSpec } from '../../src/settings/spec.ts';

interface Told {
  rank: number;
  alpha: number;
  rho: number;
  tokens: number;
  ranks: Record<string, number>;
  ranks_of_batches: Record<string, number>;
  rank_pattern: Record<string, number>;
  alpha_pattern: Record<string, number>;
  ratios: Record<string, number[]>;
  /** The number of PEFT's passes over the rows. */
  times: number;
  curve: CurveSettings;
}

describeOnCpu('EVA', (context) => {
  const told = JSON.parse(readFileSync(at('eva.json'), 'utf8')) as Told;
  const rows = lines<{ ids: number[]; labels: number[] }>('rows.jsonl');
  let model: LanguageModel;
  let theirs: ReadonlyMap<string, Float32Array>;
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    theirs = (await readTensors(file(at('eva.safetensors')))).floats;
  });
  afterAll(() => model.destroy());

  const { weight_decay: weightDecay, ...curve } = told.curve;
  /** Reads all rows, as PEFT did. */
  const optionsOf = (changes: Record<string, unknown> = {}): RunSpec => ({
    ...specOf({
      ...{ ...curve, method: 'eva', rank: told.rank, alpha: told.alpha, evaRho: told.rho, evaTau: 1 },
      ...changes,
    }),
    ...{ weightDecay, maxLength: 64, shuffle: false },
  });

  async function begin(
    changes: Record<string, unknown> = {},
    report?: (progress: TimedStart) => void,
  ): Promise<TrainedSubject> {
    return makeTrainable(model, optionsOf(changes), undefined, { rows, report });
  }

  /** A of each layer by its path. */
  async function matricesOf({ trainable: { adapter } }: TrainedSubject): Promise<Map<string, Float32Array>> {
    const tensors = await adapter!.read();
    return new Map(
      [...tensors].flatMap(([name, values]) => {
        const path = /^base_model\.model\.(.*)\.lora_A\.weight$/.exec(name)?.[1];
        return path === undefined ? [] : [[path, values] as const];
      }),
    );
  }

  /** The sine of the largest angle between the rows of two matrices, as far as each row has its partner. */
  function largestTurn(a: Float32Array, b: Float32Array, rank: number): number {
    const width = a.length / rank;
    expect(b.length).toBe(a.length);
    const row = (of: Float32Array, r: number): Float32Array => of.subarray(r * width, (r + 1) * width);
    const dot = (x: Float32Array, y: Float32Array): number =>
      x.reduce((sum, value, i) => sum + value * y[i], 0);
    const turns = Array.from({ length: rank }, (_, r) => {
      const [x, y] = [row(a, r), row(b, r)];
      const cosine = dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
      return Math.sqrt(Math.max(0, 1 - cosine * cosine));
    });
    return Math.max(...turns);
  }

  test('ranks are shared as PEFT shares them, and rows of A are its directions', async () => {
    const subject = await begin();
    const modules = subject.adapter!.modules as readonly LoraModule[];
    expect(Object.fromEntries(modules.map(({ path, rank }) => [path, rank]))).toEqual(told.ranks);
    // From the rows in three batches PEFT's incremental decomposition finds nearly the same.
    for (const [path, rank] of Object.entries(told.ranks))
      expect(Math.abs((told.ranks_of_batches[path] ?? 0) - rank), path).toBeLessThanOrEqual(1);
    const found = await matricesOf(subject);
    const turns = modules.map(({ path, rank }) =>
      largestTurn(found.get(path)!, theirs.get(`exact.${path}`)!, rank),
    );
    expect(Math.max(...turns)).toBeLessThan(2e-3);
    subject.trainable.adapter!.destroy();
  });

  test('directions explain as much of the variance of an input as PEFT says', async () => {
    const readsPrompts = false;
    const batches = rowBatches(rows, optionsOf());
    const inputs = rowInputs({ model, batches, buckets: startBuckets(batches, readsPrompts), readsPrompts });
    expect(inputs.inputs.map(({ paths: [first] }) => first)).toEqual(Object.keys(told.ratios));
    const sums = await inputs.measure([...inputs.inputs.keys()]);
    await sums.read(batches.length, () => undefined);
    expect(sums.tokens).toBe(told.tokens);
    const all = await sums.sums();
    const found = await leadingVectors(
      context.device,
      all.map(({ matrix, less }) => ({ matrix, less, rank: told.rank * told.rho })),
      { random: new Random(1) },
    );
    Object.entries(told.ratios).forEach(([path, ratios], at) =>
      ratios.forEach((ratio, i) =>
        expect(Math.abs(found[at].values[i] / all[at].trace / ratio - 1), path).toBeLessThan(1e-4),
      ),
    );
    await context.device.settle();
    sums.destroy();
  });

  test('20 steps from the start, and the configuration for PEFT', async () => {
    const { trainable, adapter, options } = await begin();
    const steps: StepEvent[] = [];
    const trainer = await Trainer.create({
      ...{ trainable, options, rows },
      onEvent: (event) => event.type === 'step' && steps.push(event),
    });
    expect(await trainer.run()).toBe('done');
    lines<{ loss: number; grad_norm: number }>('curve-eva.jsonl').forEach((expected, i) => {
      expect(Math.abs(steps[i].loss - expected.loss), `loss of step ${i + 1}`).toBeLessThan(1e-3);
      expect(Math.abs(steps[i].gradNorm / expected.grad_norm - 1), `norm of step ${i + 1}`).toBeLessThan(
        1e-2,
      );
    });
    const data = { ...adapter!, tensors: await trainer.result() };
    await trainer.destroy();
    trainable.adapter!.destroy();
    const kept = portableAdapter(data);
    expect((kept.config as LoraConfig).rankPattern).toEqual(told.rank_pattern);
    expect((kept.config as LoraConfig).alphaPattern).toEqual(told.alpha_pattern);
    const files = memoryFiles(writePeft(data, { baseModel: 'sprig' }), 'kept');
    expect((await readPeft(files, model.definition)).modules).toEqual(kept.modules);
  });

  test('finds the same matrices as PEFT without shared ranks, and whitened', async () => {
    for (const [name, changes] of [
      ['plain', {}],
      ['white', { evaWhiten: true }],
    ] as const) {
      const subject = await begin({ evaRho: 1, ...changes });
      const found = await matricesOf(subject);
      for (const [path, expected] of theirs) {
        if (!path.startsWith(`${name}.`)) continue;
        const own = found.get(path.slice(name.length + 1))!;
        expect(largestTurn(own, expected, told.rank), path).toBeLessThan(2e-3);
        // Singular values grow with the root of the number of passes.
        const factor = name === 'white' ? told.times ** 0.25 : 1;
        const most = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        const worst = own.reduce(
          (largest, value, i) => Math.max(largest, Math.abs(value / factor - expected[i])),
          0,
        );
        expect(worst / most, path).toBeLessThan(2e-3);
      }
      subject.trainable.adapter!.destroy();
    }
  });

  test('starts as in one group of layers if it needs several for want of memory', async () => {
    const options = optionsOf();
    const shape = adapterShape(model.definition, options);
    const [config, modules] = [shape.config as EvaConfig, shape.modules as readonly LoraModule[]];
    const readsPrompts = false;
    const batches = rowBatches(rows, options);
    const inputs = rowInputs({ model, batches, buckets: startBuckets(batches, readsPrompts), readsPrompts });
    const bytes = inputs.inputs.map(({ width }) => 4 * width * width);
    const all = bytes.reduce((sum, one) => sum + one, 0);
    const beginWith = async (
      mostBytes: number,
    ): Promise<{ begun: Begun; heard: Omit<StartProgress, 'what'>[]; measured: number }> => {
      const heard: Omit<StartProgress, 'what'>[] = [];
      let measured = 0;
      const counted: RowInputs = {
        ...{ ...inputs, mostBytes },
        measure: (places) => (measured++, inputs.measure(places)),
      };
      const report = ({ what, done, total }: StartProgress): void => {
        if (what === 'reading') heard.push({ done, total });
      };
      const begun = await eva.fromRows!.begin(counted, config, modules, { random: new Random(3), report });
      return { begun, heard, measured };
    };
    const one = await beginWith(all);
    expect(one.measured).toBe(1);
    // A third of the memory, and so little that each input is alone.
    for (const mostBytes of [Math.ceil(all / 3), 1]) {
      const { begun, heard, measured } = await beginWith(mostBytes);
      expect(measured).toBeGreaterThan(2);
      if (mostBytes === 1) expect(measured).toBe(bytes.length);
      expect(begun.modules).toEqual(one.begun.modules);
      for (const [name, values] of one.begun.tensors) {
        const own = begun.tensors.get(name)!;
        const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - own[i])), 0);
        expect(worst, name).toBeLessThan(1e-5);
      }
      // Rows are read once for each group, and that is told as one way.
      expect(heard.at(-1)).toEqual({ done: measured * batches.length, total: measured * batches.length });
      expect(heard.map(({ done }) => done)).toEqual(heard.map(({ done }) => done).sort((a, b) => a - b));
    }
    await context.device.settle();
  });

  test('reports progress, stops reading once the directions agree, and can be stopped', async () => {
    const heard: TimedStart[] = [];
    const exact = await begin({}, (progress) => heard.push(progress));
    const batches = rows.length / curve.batch;
    expect(heard[0]).toEqual({ what: 'reading', done: 0, total: batches });
    expect(heard).toContainEqual({ what: 'reading', done: batches, total: batches });
    expect(heard.at(-1)).toMatchObject({ what: 'vectors', done: 24, total: 24 });
    const early: TimedStart[] = [];
    const sooner = await begin({ rank: 1, evaRho: 1, evaTau: 0.5 }, (progress) => early.push(progress));
    const read = early.filter(({ what }) => what === 'reading').map(({ done }) => done);
    expect(Math.max(...read)).toBeLessThan(batches);
    for (const { trainable } of [exact, sooner]) trainable.adapter!.destroy();

    await context.device.settle();
    const before = context.device.allocatedBytes;
    const stop = new Error('stop');
    for (const what of ['reading', 'vectors'])
      await expect(
        begin({}, (progress) => {
          if (progress.what === what && progress.done > 0) throw stop;
        }),
      ).rejects.toBe(stop);
    await context.device.settle();
    expect(context.device.allocatedBytes).toBe(before);
  });

  test('a state is resumed without rows, with its own ranks', async () => {
    const begun = await begin();
    const saved = await begun.trainable.adapter!.read();
    begun.trainable.adapter!.destroy();
    const report = (): void => expect.unreachable();
    const again = await makeTrainable(model, optionsOf(), undefined, { saved, report });
    expect(again.adapter).toEqual(begun.adapter);
    again.trainable.adapter!.destroy();
  });

  test('leaves a layer without rank out of the folder', async () => {
    const { trainable, adapter } = await begin({ rank: 1, evaRho: 8 });
    const { modules } = adapter!;
    expect(modules.length).toBeLessThan(model.definition.linears.length);
    const data = { ...adapter!, tensors: await trainable.adapter!.read() };
    trainable.adapter!.destroy();
    const files = memoryFiles(writePeft(data, { baseModel: 'sprig' }), 'kept');
    const read = await readPeft(files, model.definition);
    expect(read.modules.map(({ path }) => path)).toEqual(modules.map(({ path }) => path));
    expect(read.config.targets).toEqual(modules.map(({ path }) => path));
    const kept = await Adapter.frozen(model, read.modules, read.tensors);
    kept.destroy();
  });

  test('refuses rows that have too few tokens', async () => {
    const [{ ids }] = rows;
    const few = [{ ids, labels: ids.map((id, t) => (t < 3 ? id : -100)) }];
    const options = optionsOf({ batch: 1, steps: 1, warmup: 0 });
    await graftError(() => makeTrainable(model, options, undefined, { rows: few }), 'train-rows');
  });
});
