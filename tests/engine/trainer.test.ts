/** The training loop on the bundled model: requests while it runs, none of which changes the numbers. */
import { beforeAll, expect, test } from 'vitest';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { tensorNames } from '../../src/adapters/lora/config.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { greedy } from '../../src/model/sampling.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { loadingOf } from '../../src/train/loading.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import type { NamedArrays, TrainerState } from '../../src/train/state.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { readPeft } from '../../src/export/peft.ts';
import { sharedFolder, sharedJson, sharedJsonl, testShared } from '../shared.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeDevice, onCpu } from './adapters.ts';
import { sprigFolder } from './sprig.ts';
import { base, curve, differences, expectSame, trainersOnSprig } from './trainer-run.ts';
import { defaultSpec, type RunSpec, specOf } from '../../src/settings/spec.ts';

describeDevice('Trainer', (context) => {
  const { given, open } = trainersOnSprig(context);
  let { model, rows, validation } = given;
  beforeAll(() => {
    ({ model, rows, validation } = given);
  });

  test('gives after a pause and samples the numbers of a run that was never paused, and so does the same seed', async () => {
    const whole = await open();
    expect(await whole.trainer.run()).toBe('done');
    const losses = whole.steps.map(({ loss }) => loss);
    expect(losses[5]).toBeLessThan(losses[0]);

    const paused = await open();
    expect(await paused.trainer.run(2)).toBe('paused');
    expect(paused.steps).toHaveLength(2);
    const generator = new Generator(model, 1, 64);
    const prompt = rows[0].ids.slice(0, 12);
    const options = { maxNewTokens: 8, sampling: greedy, seed: 0, stopIds: [] };
    const [halfway] = await generator.generate([prompt], { ...options, adapter: paused.adapter });
    expect(halfway.ids).toHaveLength(8);
    expect(await paused.trainer.run()).toBe('done');
    // The generator sees the trained values without further calls.
    const [after] = await generator.generate([prompt], { ...options, adapter: paused.adapter });
    const [expected] = await generator.generate([prompt], { ...options, adapter: whole.adapter });
    expect(after.ids).toEqual(expected.ids);
    expect(curve(paused.steps)).toEqual(curve(whole.steps));
    expectSame(await paused.trainer.result(), await whole.trainer.result());
    await context.device.settle();
    generator.destroy();

    const other = await open({ seed: 43 });
    await other.trainer.run();
    expect(curve(other.steps)).not.toEqual(curve(whole.steps));
  });

  onCpu(test)(
    'continues bit for bit from its state files, with dropout, shuffling and evaluation',
    async () => {
      const options = { evalEvery: 2, dropout: 0.2, accumulate: 2 };
      const whole = await open(options, { validation });
      expect(await whole.trainer.run()).toBe('done');
      expect(whole.evaluations.map(({ step }) => step)).toEqual([2, 4, 6]);

      const first = await open(options, { validation });
      await first.trainer.run(3);
      const saved = { state: await first.trainer.state(), fingerprint: 'f' };
      const { state } = await readState(memoryFiles(writeState(saved), 'run'));
      expect(state).toEqual(saved.state);
      // An adapter with other values: all must come from the state.
      const modules = adapterModules(model.definition, base);
      const second = await open(options, { validation, state, tensors: initialTensors(modules, 99) });
      expect(second.trainer.step).toBe(3);
      expect(second.trainer.bestEvalLoss).toBe(whole.evaluations[0].loss);
      expect(await second.trainer.run()).toBe('done');
      expect(curve(second.steps)).toEqual(curve(whole.steps).slice(3));
      expect(second.evaluations).toEqual(whole.evaluations.slice(1));
      const [restored, uninterrupted] = [await second.trainer.state(), await whole.trainer.state()];
      expectSame(restored.values, uninterrupted.values);
      for (const plane of ['first', 'second'])
        expectSame(restored.optimiser.get(plane)!, uninterrupted.optimiser.get(plane)!);
      expect(restored.counters).toEqual(uninterrupted.counters);
      expectSame(await second.trainer.result(), await whole.trainer.result());

      // Dropout does something: the same run without it has another curve.
      const without = await open({ ...options, dropout: 0 });
      await without.trainer.run(1);
      const zeroB = without.steps[0].loss; // B is zero: dropout changes nothing yet
      expect(zeroB).toBe(whole.steps[0].loss);
      await without.trainer.run();
      expect(without.steps[5].loss).not.toBe(whole.steps[5].loss);
      expect(Math.abs(without.steps[5].loss - whole.steps[5].loss)).toBeLessThan(0.5);
    },
  );

  onCpu(test).each([
    ['training all weights', {}],
    ['an adapter by Muon', { optimiser: 'muon', method: 'lora' }],
    ['training all weights by Muon', { optimiser: 'muon' }],
    [
      'an adapter and the embedding by Muon',
      { optimiser: 'muon', method: 'lora', modulesToSave: 'embed_tokens' },
    ],
  ])('%s resumes bit for bit', async (_, given) => {
    const options: RunSpec = {
      ...specOf({ method: 'full', ...given }),
      ...{ steps: 4, batch: 2, warmup: 1, maxLength: base.maxLength },
    };
    const whole = { steps: [] as StepEvent[], values: new Map() as NamedArrays };
    const parts: StepEvent[] = [];
    let state: TrainerState | undefined;
    // One in a piece, then two halves, each on weights loaded anew.
    for (const [count, events] of [
      [4, whole.steps],
      [2, parts],
      [2, parts],
    ] as const) {
      const full = await LanguageModel.load(context.device, sprigFolder(), loadingOf(options));
      const { trainable } = await makeTrainable(full, options);
      const trainer = await Trainer.create({
        trainable,
        options,
        rows,
        state: events === parts ? state : undefined,
        onEvent: (event) => event.type === 'step' && events.push(event),
      });
      await trainer.run(count);
      if (events === whole.steps) whole.values = await trainer.result();
      else {
        const saved = { state: await trainer.state(), fingerprint: 'f' };
        state = (await readState(memoryFiles(writeState(saved), 'run'))).state;
      }
      await trainer.destroy();
      trainable.adapter?.destroy();
      await full.destroy();
    }
    expect(curve(parts)).toEqual(curve(whole.steps));
    expectSame(state!.values, whole.values);
  });

  onCpu(test)('a state of another run is refused before anything is compiled', async () => {
    const { trainer, events } = await open();
    await trainer.run(1);
    const state = await trainer.state();
    events.length = 0;
    const reject = async (changed: TrainerState, changes: Partial<RunSpec> = {}): Promise<string> => {
      const before = context.device.allocatedBytes;
      const modules = adapterModules(model.definition, base);
      const adapter = new Adapter(context.device, modules, initialTensors(modules, 1), { trainable: true });
      const trainable = { model, adapter, store: adapter.store };
      const options = { ...base, ...changes };
      const error = await graftError(
        () => Trainer.create({ trainable, options, rows, state: changed }),
        'train-resume',
      );
      adapter.destroy();
      expect(context.device.allocatedBytes).toBe(before);
      return error.what;
    };
    const name = tensorNames('model.layers.0.self_attn.q_proj').a;
    const without = new Map([...state.values].filter(([key]) => key !== name));
    const short = new Map([...state.values, [name, new Float32Array(3)] as const]);
    expect(
      await reject({ ...state, optimiser: new Map([...state.optimiser, ['first', without]]) }),
    ).toContain(`no first of ${name}`);
    expect(await reject({ ...state, values: short })).toContain(`values of ${name} have 3 numbers`);
    expect(await reject({ ...state, best: without })).toContain(`no best of ${name}`);
    expect(await reject(state, { steps: 7 })).toContain('6 steps');
    expect(await reject(state, { seed: 1 })).toContain('seed 42');
    expect(await reject({ ...state, counters: { ...state.counters, step: 7 } })).toContain('step 7 of 6');
  });

  onCpu(test)('2 × 2 accumulated rows are 4 rows at once, packed or not', async () => {
    const one = await open({ batch: 4, steps: 4 });
    await one.trainer.run();
    for (const changes of [
      { batch: 2, accumulate: 2, packing: false },
      { batch: 1, accumulate: 4, packing: false },
      { batch: 2, accumulate: 2, packing: true },
    ]) {
      const other = await open({ steps: 4, ...changes });
      await other.trainer.run();
      other.steps.forEach(({ loss, gradNorm, supervisedTokens, tokens }, i) => {
        expect(supervisedTokens).toBe(one.steps[i].supervisedTokens);
        expect(tokens).toBe(one.steps[i].tokens);
        expect(Math.abs(loss - one.steps[i].loss), `loss of step ${i + 1}`).toBeLessThan(1e-5);
        expect(Math.abs(gradNorm / one.steps[i].gradNorm - 1), `norm of step ${i + 1}`).toBeLessThan(1e-4);
      });
    }
  });

  onCpu(test)('multiplies only the rate of B for LoRA+', async () => {
    const modules = adapterModules(model.definition, base);
    const tensors = initialTensors(modules, 5);
    for (const [name, values] of tensors)
      if (name.includes('lora_B')) values.forEach((_, i) => (values[i] = Math.sin(i) / 50));
    const step = async (rateRatio: number): Promise<NamedArrays> => {
      const { trainer } = await open({ rateRatio }, { tensors });
      await trainer.run(1);
      return trainer.result();
    };
    const [once, fourfold] = [await step(1), await step(4)];
    for (const [name, start] of tensors) {
      const moved = (values: NamedArrays): number =>
        values.get(name)!.reduce((sum, value, i) => sum + Math.abs(value - start[i]), 0);
      expect(moved(once)).toBeGreaterThan(0);
      if (name.includes('lora_A')) expect(differences(fourfold.get(name)!, once.get(name)!), name).toBe(0);
      else expect(moved(fourfold) / moved(once)).toBeCloseTo(4, 3);
    }
  });

  test('a loss that is not finite ends the run, with the adapter as it was before the update that broke it', async () => {
    const half = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f16' });
    // Where activations are f32 it takes more to make one infinite.
    const alpha = context.f16 ? base.alpha : 1e15;
    const options = { lr: 10, schedule: 'constant', clip: 0, steps: 40, alpha } as const;
    const { trainer, adapter, steps, events } = await open(options, { on: half });
    const error = await graftError(() => trainer.run(), 'train-diverged');
    expect(error.what).toContain(`step ${steps.length + 1} `);
    expect(error.remedy).toContain('learning rate');
    expect(trainer.status).toBe('failed');
    expect(events.at(-1)).toEqual({ type: 'status', status: 'failed' });
    // Back before the update that broke the model: to values whose loss was finite.
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.length).toBeLessThan(40);
    expect(trainer.step).toBe(steps.length - 1);
    const kept = await half.logits([1, 2, 3], adapter);
    expect(kept.every(Number.isFinite)).toBe(true);
    expect(steps.every(({ loss, gradNorm }) => Number.isFinite(loss) && Number.isFinite(gradNorm))).toBe(
      true,
    );

    const again = await open(options, { on: half });
    if (trainer.step > 0) await again.trainer.run(trainer.step);
    const values = await adapter.read();
    expectSame(values, await again.adapter.read());
    for (const array of values.values()) expect(array.every(Number.isFinite)).toBe(true);
    expectSame(await trainer.result(), await adapter.read());
    await half.destroy();
  });

  testShared('stays in f16 within 2e-2 of the reference curve at every step', async () => {
    const reference = ['reference', 'stories260K'];
    const path = [...reference, 'curves', 'constant'];
    const half = await LanguageModel.load(context.device, sharedFolder('models', 'stories260K'), {
      precision: 'f16',
    });
    const settings = sharedJson<{ steps: number; batch: number; lr: number; clip: number }>(
      ...path,
      'settings.json',
    );
    const metrics = sharedJsonl<{ loss: number }>(...path, 'metrics.jsonl');
    const { modules, tensors } = await readPeft(
      sharedFolder(...reference, 'lora', 'adapter'),
      half.definition,
    );
    for (const checkpointing of [false, true]) {
      const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
      // Checkpointing changes no number, as the next test says: a few steps.
      const steps = checkpointing ? 4 : settings.steps;
      const losses: number[] = [];
      const trainer = await Trainer.create({
        trainable: { model: half, adapter, store: adapter.store },
        options: {
          ...{ ...defaultSpec(), ...settings, schedule: 'constant', warmup: 0, maxLength: 256 },
          ...{ shuffle: false, checkpointing },
        },
        rows: sharedJsonl(...reference, 'rows.jsonl'),
        onEvent: (event) => event.type === 'step' && losses.push(event.loss),
      });
      expect(await trainer.run(steps)).toBe(steps === settings.steps ? 'done' : 'paused');
      expect(metrics).toHaveLength(settings.steps);
      expect(losses).toHaveLength(steps);
      const errors = losses.map((loss, i) => Math.abs(loss - metrics[i].loss));
      expect(Math.max(...errors)).toBeLessThan(2e-2);
      // Proof that it is not f32.
      expect(Math.max(...errors)).toBeGreaterThan(1e-6);
      await trainer.destroy();
      adapter.destroy();
    }
    await half.destroy();
  });

  test('checkpointing changes the memory of a run and none of its numbers', async () => {
    const changes = { dropout: 0.1, accumulate: 2 };
    const plain = await open(changes);
    await plain.trainer.run();
    const checkpointed = await open({ ...changes, checkpointing: true });
    await checkpointed.trainer.run();
    expect(curve(checkpointed.steps)).toEqual(curve(plain.steps));
    expectSame(await checkpointed.trainer.result(), await plain.trainer.result());
    expect(checkpointed.trainer.memory.peakBytes).toBeLessThan(plain.trainer.memory.peakBytes);
  });

  onCpu(test).each(['pause', 'stop', 'cancel'] as const)(
    '%s ends after the steps under way',
    async (request) => {
      const run = await open(
        {},
        { onEvent: (event, self) => event.type === 'step' && event.step === 2 && self().trainer[request]() },
      );
      const status = { pause: 'paused', stop: 'stopped', cancel: 'cancelled' }[request];
      expect(await run.trainer.run()).toBe(status);
      expect(run.trainer.step).toBe(run.steps.length);
      expect(run.trainer.step).toBeLessThanOrEqual(3);
      const until = await open();
      await until.trainer.run(run.trainer.step);
      expectSame(await run.trainer.result(), await until.adapter.read());
      if (request === 'pause') expect(await run.trainer.run()).toBe('done');
      else await expect(run.trainer.run()).rejects.toThrow(status);
    },
  );

  test('tells what it does, allocates nothing in a step, and keeps to its submits and its memory', async () => {
    const { device } = context;
    // Longest last: every bucket is used, and a paused run compiles nothing new.
    const run = await open({ batch: 4 });
    const calls: string[] = [];
    let submits = 0;
    const restore = [];
    if (context.webgpu) {
      const { gpu } = context.gpu;
      restore.push(
        ...(
          ['createBuffer', 'createBindGroup', 'createShaderModule', 'createComputePipelineAsync'] as const
        ).map((name) => spy(gpu, name, () => calls.push(name))),
        spy(gpu.queue, 'submit', () => submits++),
      );
    }
    const before = device.allocatedBytes;
    expect(before).toBeGreaterThan(0);
    await run.trainer.run();
    restore.forEach((undo) => undo());
    expect(calls).toEqual([]);
    expect(device.allocatedBytes).toBe(before);
    expect(submits / run.trainer.steps).toBeLessThanOrEqual(3);
    expect(run.trainer.stepPlans.reduce((sum, plan) => sum + plan.submits, 0)).toBeLessThanOrEqual(3);
    const { peakBytes, minimumBytes } = run.trainer.memory;
    expect(minimumBytes).toBeGreaterThan(0);
    expect(peakBytes / minimumBytes).toBeLessThanOrEqual(1.25);

    const statuses = run.events.flatMap((event) => (event.type === 'status' ? [event.status] : []));
    expect(statuses).toEqual(['running', 'done']);
    const compiled = run.events.flatMap((event) => (event.type === 'compile' ? [event] : []));
    // Kernels of the CPU engine are compiled before it is there.
    expect(compiled.length > 0).toBe(context.webgpu);
    for (const { done, total } of compiled) expect(done >= 1 && done <= total).toBe(true);
    expect(compiled.at(-1)?.done).toBe(compiled.at(-1)?.total);
    // What repeats in the rows is said once the plans are there.
    const layouts = run.events.filter(({ type }) => type === 'layout').length;
    expect(layouts).toBe(1);
    expect(run.events.findIndex(({ type }) => type === 'status')).toBe(compiled.length + layouts);
    expect(run.steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const event of run.steps) {
      expect(event.steps).toBe(6);
      expect(event.seconds).toBeGreaterThan(0);
      expect(event.tokensPerSecond).toBeCloseTo(event.tokens / event.seconds, 6);
      expect(event.secondsLeft).toBeGreaterThanOrEqual(0);
      expect(event.gpuBytes).toBe(before);
    }
    expect(run.steps[5].secondsLeft).toBe(0);
    expect(run.steps.map(({ lr }) => lr)[0]).toBe(4e-3);
  });
});

/** Calls `seen` whenever a method of a GPU object is called; returns a function that stops it. */
function spy<T extends object, Name extends keyof T>(target: T, name: Name, seen: () => void): () => void {
  const method = target[name] as (...args: unknown[]) => unknown;
  Object.defineProperty(target, name, {
    configurable: true,
    value: (...args: unknown[]) => {
      seen();
      return method.apply(target, args);
    },
  });
  return () => {
    delete target[name];
  };
}
