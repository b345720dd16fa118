/** Runs that are planned before they are made: what they allocate by the device's own account, to the byte, and what they compute. */
import { expect } from 'vitest';
import type { Device } from '../../src/engine/device.ts';
import { defineModel } from '../../src/model/family.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { greedy } from '../../src/model/sampling.ts';
import type { WeightChoices } from '../../src/model/weight-types.ts';
import { Random } from '../../src/random.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { runBuckets } from '../../src/train/step-kinds.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { planMemory, type MemoryPlan } from '../../src/train/memory-plan.ts';
import { loadingOf } from '../../src/train/loading.ts';
import type { Scoring } from '../../src/train/policy/scoring.ts';
import type { NamedArrays } from '../../src/train/state.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { concatBytes, writeSafetensors } from '../../src/weights/safetensors.ts';
import { defaultSpec, type RunSpec } from '../../src/settings/spec.ts';

export const LENGTH = 64;
const defaults = defaultSpec();
export const base: RunSpec = {
  ...defaults,
  steps: 2,
  batch: 2,
  warmup: 0,
  maxLength: LENGTH,
  rank: 16,
};

/** Untied, with biases, sides that are not multiples of anything. */
const TINY = {
  model_type: 'llama',
  vocab_size: 300,
  hidden_size: 48,
  intermediate_size: 92,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  attention_bias: true,
  mlp_bias: true,
  tie_word_embeddings: false,
};

export function tinyFolder(): FileSet {
  const random = new Random(3);
  const tensors = defineModel(TINY, 'tiny').weights.map(({ name, shape }) => ({
    name,
    dtype: 'F32' as const,
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.float() / 5 - 0.1),
  }));
  return memoryFiles(
    { 'config.json': JSON.stringify(TINY), 'model.safetensors': concatBytes(writeSafetensors(tensors)) },
    'tiny',
  );
}

/** Rows of full length, every token except the first supervised: the planner's assumption without rows. */
export function fullRows(vocabulary: number, count: number, length = LENGTH): LabelledTokens[] {
  return Array.from({ length: count }, (_, row) => {
    const ids = Array.from({ length }, (_, t) => (t * 31 + row * 7 + 3) % vocabulary);
    return { ids, labels: ids };
  });
}

export interface Setting {
  readonly precision?: 'f32' | 'f16';
  readonly baseWeights?: WeightChoices;
  readonly rows?: (vocabulary: number) => LabelledTokens[];
  readonly validation?: (vocabulary: number) => LabelledTokens[];
  /** Tokens of an answer to a prompt after the run. */
  readonly samples?: { readonly maxLength: number };
  readonly scoring?: Scoring;
}

export interface Measured {
  /** While steps ran, at each. */
  readonly steps: number[];
  readonly end: number;
  readonly peak: number;
  readonly plan: MemoryPlan;
  readonly told: readonly StepEvent[];
  /** Everything that was trained, at the end. */
  readonly values: NamedArrays;
}

/** Plans a run, then makes it on an otherwise empty device, and leaves nothing behind. */
export async function measure(
  { device }: { readonly device: Device },
  files: FileSet,
  changes: Partial<RunSpec>,
  {
    precision = 'f32',
    baseWeights,
    rows = (V) => fullRows(V, 4),
    validation = () => [],
    samples,
    scoring,
  }: Setting = {},
): Promise<Measured> {
  const options = { ...base, ...changes };
  await device.settle();
  expect(device.allocatedBytes).toBe(device.lowering.deviceBytes ?? 0);
  device.resetPeak();
  const model = await LanguageModel.load(device, files, {
    ...{ precision, baseWeights },
    ...loadingOf(options),
  });
  const { definition } = model;
  const { vocabulary } = definition.shape;
  const known =
    rows(vocabulary).some(({ ids }) => ids.length !== LENGTH) || validation(vocabulary).length > 0;
  const plan = await planMemory(device.lowering, definition, {
    precision,
    baseWeights,
    options,
    ...(samples && { samples }),
    ...(known && { buckets: runBuckets(options, rows(vocabulary), validation(vocabulary)) }),
  });
  const { trainable } = await makeTrainable(model, options, undefined, {
    rows: rows(vocabulary),
    encode: (text) => Array.from(text, (one) => one.charCodeAt(0) % 90),
  });
  const { adapter } = trainable;
  const told: StepEvent[] = [];
  const trainer = await Trainer.create({
    ...{ trainable, options },
    rows: rows(vocabulary),
    validation: validation(vocabulary),
    scoring,
    onEvent: (event) => event.type === 'step' && told.push(event satisfies StepEvent),
  });
  await trainer.run();
  await trainer.state();
  let generator: Generator | undefined;
  if (samples) {
    generator = new Generator(model, 1, samples.maxLength);
    const options = { maxNewTokens: 4, sampling: greedy, seed: 0, stopIds: [], adapter };
    await generator.generate([[1, 2, 3]], options);
  }
  const end = device.allocatedBytes;
  const peak = device.peakBytes;
  const values = await trainer.result();
  await device.settle();
  generator?.destroy();
  await trainer.destroy();
  adapter?.destroy();
  await model.destroy();
  expect(device.allocatedBytes).toBe(device.lowering.deviceBytes ?? 0);
  return { steps: told.map(({ gpuBytes }) => gpuBytes), end, peak, plan, told, values };
}

export function expectEqual({ steps, end, peak, plan }: Measured): void {
  const { samples } = plan.parts;
  expect(steps).toEqual(steps.map(() => plan.steadyBytes - samples));
  expect(end).toBe(plan.steadyBytes);
  if (samples === 0) expect(peak).toBe(plan.peakBytes);
  expect(Object.values(plan.parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(plan.peakBytes);
}
