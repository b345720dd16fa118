/** Speed of training on this adapter: whole steps, and how much of a step is matrix products. */
import type { Profile } from '../engine/profile.ts';
import { flopsOf } from '../engine/size.ts';
import { WorkClock } from '../engine/work-clock.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { Adapter } from '../adapters/adapter.ts';
import { adapterModules, initialTensors } from '../adapters/registry.ts';
import type { StepEvent } from '../train/events.ts';
import { Trainer } from '../train/trainer.ts';
import { median } from '../averages.ts';
import { defaultSpec } from '../settings/spec.ts';

export interface TrainingResult {
  readonly rows: number;
  readonly length: number;
  /** Tokens of a step. */
  readonly tokens: number;
  readonly secondsPerStep: number;
  readonly tokensPerSecond: number;
  /** How many times a warm step the first one takes, with pipelines compiled. */
  readonly firstStepRatio: number;
  readonly compileSeconds: number;
  readonly dispatches: number;
  readonly submits: number;
  /** Floating-point operations of a step. */
  readonly flops: number;
  /** The matrix products of a step, the adapter's included, replayed without everything else. */
  readonly matmulSeconds: number;
  /** Their share of a step: the rest is norms, attention, activations, the loss, the optimiser, and the host. */
  readonly matmulEfficiency: number;
  /** Bytes of all buffers: weights, adapter, optimiser state, and the memory of the step's plan. */
  readonly gpuBytes: number;
  /** The same with the least memory that any plan of the step needs. */
  readonly minimumBytes: number;
  readonly profile?: Profile;
}

interface TrainingOptions {
  readonly rows: number;
  readonly length: number;
  /** Measurements after the first step. */
  readonly runs?: number;
  /** Whether to measure the time of each kernel as well. */
  readonly profile?: boolean;
  readonly signal?: AbortSignal;
  /** Called with how many parts are done: compiling, the first step, and each measurement. */
  readonly onPart?: (done: number, total: number) => void;
}

const RUNS = 5;
/** More steps than any measurement takes. */
const MAX_STEPS = 100_000;
/** Short steps are measured several at a time, submitted while others run, as in training. */
const MIN_SECONDS = 0.2;

/**
 * Training steps of a LoRA adapter (r = 8, all linear layers) on `rows` rows of `length` random tokens, half of them supervised. Steps and
 * their matrix products alone are measured in turn, so that whatever else the machine does falls on both.
 *
 * @throws the signal's reason, after the step that runs
 */
export async function benchmarkTraining(
  model: LanguageModel,
  { rows, length, runs = RUNS, profile = false, signal, onPart }: TrainingOptions,
): Promise<TrainingResult> {
  const { device, definition } = model;
  const options = {
    ...defaultSpec(),
    batch: rows,
    steps: MAX_STEPS,
    warmup: 0,
    maxLength: length,
    shuffle: false,
  };
  const modules = adapterModules(definition, options);
  const adapter = new Adapter(device, modules, initialTensors(modules, 1), { trainable: true });
  const data = Array.from({ length: rows }, (_, row) => {
    const ids = Array.from({ length }, (_, t) => (t * 7919 + row * 104_729) % definition.shape.vocabulary);
    return { ids, labels: ids.map((id, t) => (t < length / 2 ? -100 : id)) };
  });
  const events: StepEvent[] = [];
  const start = performance.now();
  const trainer = await Trainer.create({
    trainable: { model, adapter, store: adapter.store },
    options,
    rows: data,
    onEvent: (event) => event.type === 'step' && events.push(event),
  });
  try {
    await device.settle();
    const compileSeconds = (performance.now() - start) / 1000;
    const clock = await WorkClock.of(device);
    const parts = 2 + runs;
    onPart?.(1, parts);
    /** Seconds of each of `count` steps. */
    const steps = async (count: number): Promise<number> => {
      signal?.throwIfAborted();
      events.length = 0;
      await trainer.run(count);
      return events.reduce((sum, { seconds }) => sum + seconds, 0) / count;
    };
    const products = async (count: number): Promise<number> => {
      const seconds = await clock.once(() => {
        for (let i = 0; i < count; i++) for (const plan of trainer.stepPlans) device.replayMatmuls(plan);
      });
      return seconds / count;
    };
    const first = await steps(1);
    onPart?.(2, parts);
    const count = Math.max(1, Math.ceil(clock.least(MIN_SECONDS) / first));
    const whole: number[] = [];
    const alone: number[] = [];
    for (let run = 0; run < runs; run++) {
      whole.push(await steps(count));
      alone.push(await products(count));
      onPart?.(3 + run, parts);
    }
    const secondsPerStep = median(whole);
    const matmulSeconds = median(alone);
    const { stepPlans: plans, memory } = trainer;
    const gpuBytes = device.allocatedBytes;
    return {
      rows,
      length,
      tokens: rows * length,
      secondsPerStep,
      tokensPerSecond: (rows * length) / secondsPerStep,
      firstStepRatio: first / secondsPerStep,
      compileSeconds,
      submits: plans.reduce((sum, plan) => sum + plan.submits, 0),
      dispatches: plans.reduce((sum, plan) => sum + plan.size.commands.length, 0),
      flops: flopsOf(plans),
      matmulSeconds,
      matmulEfficiency: matmulSeconds / secondsPerStep,
      gpuBytes,
      minimumBytes: gpuBytes - memory.peakBytes + memory.minimumBytes,
      ...(profile ? { profile: await device.profile(plans, { runs }) } : {}),
    };
  } finally {
    await trainer.destroy();
    adapter.destroy();
  }
}
