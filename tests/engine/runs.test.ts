/** Runs over a store in memory: what is saved, answered and measured during the run, none of which changes the numbers. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { PreparedRow } from '../../src/data/prepare.ts';
import type { AdapterData } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { cardFacts } from '../../src/runs/card-facts.ts';
import { TrainingRun, type RunRequest } from '../../src/runs/run.ts';
import { SaveClock } from '../../src/runs/save-clock.ts';
import { makeTrainable, type TrainedSubject } from '../../src/runs/trainable.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { TrainerState } from '../../src/train/state.ts';
import { GraftError } from '../../src/errors.ts';
import { graftError } from '../unit/expect-graft-error.ts';
import { describeOnCpu } from './adapters.ts';
import { MemoryStore } from './memory-store.ts';
import { sprigFolder, voiceRows } from './sprig.ts';
import { defaultSpec, type RunSpec } from '../../src/settings/spec.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';

const defaults = defaultSpec();
const base: RunSpec = {
  ...defaults,
  steps: 6,
  batch: 2,
  lr: 4e-3,
  warmup: 0,
  maxLength: 96,
  evalEvery: 3,
  rank: 4,
  targets: ['q_proj', 'down_proj'],
  rankPattern: { down_proj: 2 },
};

describeOnCpu('A run', (context) => {
  let model: LanguageModel;
  let rows: RunRequest['rows'];
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    const all: PreparedRow[] = voiceRows(await loadTokenizer(sprigFolder()), 8);
    rows = { train: all.slice(0, 6), validation: all.slice(6) };
  });
  afterAll(() => model.destroy());

  interface Setting extends Partial<Pick<RunRequest, 'samples' | 'fromUntrained' | 'onEvent'>> {
    readonly store?: MemoryStore;
    readonly saveEvery?: number;
    readonly state?: TrainerState;
    readonly start?: AdapterData;
    readonly on?: LanguageModel;
  }

  /** Frees the run with the test. */
  async function open(
    changes: Partial<RunSpec> = {},
    { store = new MemoryStore(), saveEvery = 100, state, start, on = model, ...rest }: Setting = {},
  ): Promise<{ run: TrainingRun; store: MemoryStore; subject: TrainedSubject }> {
    const subject = await makeTrainable(on, { ...base, ...changes }, start);
    const clock = new SaveClock({ steps: saveEvery }, state?.counters.step);
    const { trainable, options } = subject;
    const run = await TrainingRun.create({ trainable, options, rows, store, clock, state, ...rest });
    onTestFinished(async () => {
      await run.destroy();
      trainable.adapter?.destroy();
    });
    return { run, store, subject };
  }

  const losses = ({ steps, evals }: MemoryStore): number[][] =>
    [steps, evals].map((points) => points.map(({ loss }) => loss));

  test('has the same numbers with and without pauses for answers and saves', async () => {
    const plain = await open();
    expect(await plain.run.train()).toBe('done');
    await plain.run.keep('done');
    expect(plain.store.saves).toEqual([]);
    expect(plain.store.evals.map(({ step }) => step)).toEqual([3, 6]);

    const { run, store } = await open(
      {},
      {
        saveEvery: 2,
        fromUntrained: true,
        samples: { every: 3, tokens: 8, answer: async (_, onToken) => (onToken(), 'Ahoy') },
      },
    );
    expect(await run.train()).toBe('done');
    await run.keep('done');
    const [steps, [untrained, ...evals]] = losses(store);
    expect([steps, evals]).toEqual(losses(plain.store));
    // The curve begins with the untrained model.
    expect(untrained).toBeGreaterThan(evals[0]);
    expect(store.samples.map(({ step, text }) => [step, text])).toEqual([
      [0, 'Ahoy'],
      [3, 'Ahoy'],
      [6, 'Ahoy'],
    ]);
    // A run that is done leaves a result, and no state after its last step.
    expect(store.saves).toEqual([
      { step: 2, status: 'running' },
      { step: 4, status: 'running' },
    ]);
    expect(store.kept).toEqual(plain.store.kept);
  });

  test('ends like an uninterrupted one if it is paused and resumed from its state, and its card covers all of it', async () => {
    const whole = await open();
    await whole.run.train();
    await whole.run.keep('done');

    // Asked after the third step, whose validation then waits until the run continues.
    let pause: (() => void) | undefined;
    const first = await open(
      {},
      { onEvent: (event) => event.type === 'validate' && event.step === 3 && pause?.() },
    );
    pause = () => {
      first.run.pause();
      pause = undefined;
    };
    expect(await first.run.train()).toBe('paused');
    expect(first.store.saves).toEqual([{ step: 3, status: 'paused' }]);
    expect(first.store.evals).toEqual([]);

    const { run, store, subject } = await open(
      {},
      { store: new MemoryStore(first.store), state: await first.store.saved() },
    );
    expect(await run.train()).toBe('done');
    await run.keep('done');
    expect(losses(store)).toEqual(losses(whole.store));
    expect(store.kept).toEqual(whole.store.kept);
    const made = { baseModel: 'sprig', model, options: subject.options, rows: rows.train.length };
    expect(cardFacts(made, store.kept!.learned, store)).toMatchObject({
      steps: 6,
      firstLoss: whole.store.steps[0].loss,
      lastLoss: whole.store.steps[5].loss,
    });

    // In the same visit it continues where it is.
    expect(await first.run.train()).toBe('done');
    await first.run.keep('done');
    expect(losses(first.store)).toEqual(losses(whole.store));
    expect(first.store.kept).toEqual(whole.store.kept);
  });

  test('pauses at once if its events cannot be kept, says why, and still has its state', async () => {
    const store = new MemoryStore();
    store.failsAt = 2;
    const { run } = await open({}, { store });
    await graftError(() => run.train(), 'file-write');
    expect(run.failed).toBe(false);
    expect(run.step).toBeLessThan(4);
    expect((await run.state()).counters.step).toBe(run.step);
  });

  test('says so if it is paused without room for its state, and continues on request', async () => {
    const store = new MemoryStore();
    const save = store.state.bind(store);
    let pause: (() => void) | undefined;
    const { run } = await open({}, { store, onEvent: (event) => event.type === 'step' && pause?.() });
    pause = () => run.pause();
    store.state = () => Promise.reject(new GraftError('file-write', 'There is no room.', 'Make some.'));
    await graftError(() => run.train(), 'file-write');
    store.state = save;
    pause = undefined;
    expect(await run.train()).toBe('done');
    expect(store.saves).toEqual([]);
  });

  test('starts from an adapter with its rank, alpha and targets, and its values', async () => {
    const before = await open({ steps: 2 });
    await before.run.train();
    await before.run.keep('done');
    const { learned } = before.store.kept!;
    const start = { ...before.subject.adapter!, tensors: new Map(learned.tensors) };
    const { run, subject } = await open({ rank: 16, targets: ['v_proj'], dropout: 0.1 }, { start });
    const { rank, targets, rankPattern } = base;
    expect(subject.options).toMatchObject({ rank, targets, rankPattern, dropout: 0.1 });
    expect((await run.state()).values).toEqual(learned.tensors);
  });

  describe('measured before its first step', () => {
    /** No step of such a rate is better than the start. */
    const wild = { lr: 3, schedule: 'constant', clip: 0 } as const;
    const began = ({ adapter }: TrainedSubject['trainable']) => adapter!.read();

    test('keeps what it starts from where no later validation is better', async () => {
      const { run, store, subject } = await open(wild, { fromUntrained: true });
      const start = await began(subject.trainable);
      expect(await run.train()).toBe('done');
      await run.keep('done');
      const [before, ...later] = store.evals;
      for (const { loss } of later) expect(loss).toBeGreaterThan(before.loss);
      expect(store.kept!.learned.bestEvalLoss).toBe(before.loss);
      expect(store.kept!.learned.tensors).toEqual(start);
      expect(store.events.flatMap((event) => (event.type === 'eval' ? [event.best] : []))).toEqual(
        store.evals.map(() => false),
      );
    });

    test('knows its start after it was saved and resumed', async () => {
      const asked: { pause?: () => void } = {};
      const first = await open(wild, {
        fromUntrained: true,
        onEvent: (event) => event.type === 'step' && event.step === 1 && asked.pause?.(),
      });
      const start = await began(first.subject.trainable);
      asked.pause = () => first.run.pause();
      expect(await first.run.train()).toBe('paused');
      const { run, store } = await open(wild, {
        ...{ store: new MemoryStore(first.store), state: await first.store.saved(), fromUntrained: true },
      });
      expect(await run.train()).toBe('done');
      await run.keep('done');
      expect(store.kept!.learned.tensors).toEqual(start);
      expect(store.kept!.learned.bestEvalLoss).toBe(first.store.evals[0].loss);
    });

    test('measures its start again if it was killed before its first step, and reports it once', async () => {
      const { run, store } = await open(wild, {
        store: new MemoryStore(Object.assign(new MemoryStore(), { evals: [{ step: 0, loss: 9 }] })),
        fromUntrained: true,
      });
      expect(await run.train()).toBe('done');
      await run.keep('done');
      expect(store.evals.filter(({ step }) => step === 0)).toEqual([{ step: 0, loss: 9 }]);
      expect(store.kept!.learned.bestEvalLoss).toBeLessThan(
        Math.min(...store.evals.slice(1).map(({ loss }) => loss)),
      );
    });

    test('keeps the learned state if it is stopped before its first validation', async () => {
      const asked: { stop?: () => void } = {};
      const { run, store, subject } = await open(
        {},
        {
          fromUntrained: true,
          onEvent: (event) => event.type === 'step' && event.step === 2 && asked.stop?.(),
        },
      );
      const start = await began(subject.trainable);
      asked.stop = () => run.stop();
      expect(await run.train()).toBe('stopped');
      await run.keep('stopped');
      const { tensors, bestEvalLoss } = store.kept!.learned;
      expect(bestEvalLoss).toBeUndefined();
      expect(tensors).toEqual(await began(subject.trainable));
      expect(tensors).not.toEqual(start);
    });
  });

  test('leaves all weights by the names of the model, and starts from no adapter', async () => {
    const on = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32', trainable: true });
    onTestFinished(() => on.destroy());
    const { run, store } = await open({ method: 'full', steps: 1 }, { on });
    expect(await run.train()).toBe('done');
    await run.keep('done');
    const names = on.definition.weights.map(({ name }) => name).sort();
    expect([...store.kept!.learned.tensors.keys()].sort()).toEqual(names);
    const start = { config: adapterConfigOf(base), modules: [], tensors: new Map() };
    await graftError(() => makeTrainable(on, { ...base, method: 'full' }, start), 'train-option');
  });
});
