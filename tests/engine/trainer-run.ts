/** Trainers on the bundled model, and how their runs are compared. */
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import type { AdapterTensors } from '../../src/adapters/kind.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import type { List } from '../../src/lists.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { EvalEvent, StepEvent, TrainEvent } from '../../src/train/events.ts';
import type { NamedArrays, TrainerState } from '../../src/train/state.ts';
import type { Scoring } from '../../src/train/policy/scoring.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { AdapterContext } from './adapters.ts';
import { sprigFolder, voiceRows } from './sprig.ts';
import { defaultSpec, type RunSpec } from '../../src/settings/spec.ts';

const defaults = defaultSpec();
export const base: RunSpec = {
  ...defaults,
  steps: 6,
  batch: 2,
  lr: 4e-3,
  warmup: 0,
  maxLength: 96,
  rank: 4,
  targets: ['q_proj', 'v_proj', 'down_proj'],
};

export interface Run {
  readonly trainer: Trainer;
  readonly adapter: Adapter;
  readonly events: TrainEvent[];
  readonly steps: StepEvent[];
  readonly evaluations: EvalEvent[];
}

export interface Setting {
  readonly on?: LanguageModel;
  readonly rows?: List<PreparedRow>;
  readonly validation?: List<PreparedRow>;
  readonly state?: TrainerState;
  readonly tensors?: AdapterTensors;
  readonly scoring?: Scoring | undefined;
  readonly onEvent?: (event: TrainEvent, run: () => Run) => void;
}

/** The shared objects of a file's tests. */
interface Given {
  readonly model: LanguageModel;
  readonly rows: readonly PreparedRow[];
  readonly validation: readonly PreparedRow[];
}

/**
 * Loads the model before the tests of a suite, and opens trainers on it.
 *
 * @returns `given`, which is there once the tests run, and `open`: a trainer on an adapter of its own; both end with the test
 */
export function trainersOnSprig(context: AdapterContext): {
  readonly given: Given;
  readonly open: (changes?: Partial<RunSpec>, setting?: Setting) => Promise<Run>;
} {
  const given = {} as { -readonly [Key in keyof Given]: Given[Key] };
  beforeAll(async () => {
    given.model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    const all = voiceRows(await loadTokenizer(sprigFolder()), 13);
    given.rows = all.slice(0, 10);
    given.validation = all.slice(10);
  });
  afterAll(() => given.model.destroy());

  async function open(changes: Partial<RunSpec> = {}, setting: Setting = {}): Promise<Run> {
    const options = { ...base, ...changes };
    const { on = given.model } = setting;
    const modules = adapterModules(on.definition, options);
    const adapter = new Adapter(
      on.device,
      modules,
      setting.tensors ?? initialTensors(modules, options.seed),
      {
        trainable: true,
        rateRatio: options.rateRatio,
      },
    );
    const events: TrainEvent[] = [];
    const steps: StepEvent[] = [];
    const evaluations: EvalEvent[] = [];
    const opened: { run?: Run } = {};
    const trainer = await Trainer.create({
      trainable: { model: on, adapter, store: adapter.store },
      options,
      rows: setting.rows ?? given.rows,
      scoring: setting.scoring,
      validation: setting.validation,
      state: setting.state,
      onEvent(event) {
        events.push(event);
        if (event.type === 'step') steps.push(event);
        if (event.type === 'eval') evaluations.push(event);
        setting.onEvent?.(event, () => opened.run!);
      },
    });
    onTestFinished(async () => {
      await trainer.destroy();
      adapter.destroy();
    });
    return (opened.run = { trainer, adapter, events, steps, evaluations });
  }

  return { given, open };
}

/** The part that must not depend on interruptions: everything except time and memory. */
export const curve = (steps: readonly StepEvent[]): number[][] =>
  steps.map(({ step, loss, lr, gradNorm, supervisedTokens }) => [step, loss, lr, gradNorm, supervisedTokens]);

export function expectSame(actual: NamedArrays, expected: NamedArrays): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, values] of expected) expect(differences(actual.get(name)!, values), name).toBe(0);
}

/** How many numbers differ in any bit. */
export const differences = (a: Float32Array, b: Float32Array): number => {
  if (a.length !== b.length) return Infinity;
  const [x, y] = [a, b].map((values) => new Uint32Array(values.slice().buffer));
  return x.reduce((count, bits, i) => count + Number(bits !== y[i]), 0);
};
