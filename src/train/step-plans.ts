/** The plans of a run: forward and backward for each bucket, the optimiser's update, and evaluation. All compiled before the first step. */
import type { CompileProgress } from '../engine/device.ts';
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { HYPER_SIZE, STATS_SIZE } from '../engine/ops/step.ts';
import { update as recordStep } from '../engine/ops/update.ts';
import type { ParameterStore } from '../engine/parameters.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { batchTensors, type BatchTensors, type Bucket } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Adapter } from '../adapters/adapter.ts';
import type { Optimiser } from '../optimisers/optimiser.ts';
import type { RunBuckets } from './buckets.ts';

/** What is trained: an adapter, or the model's own parameters. */
export interface Trainable {
  readonly model: LanguageModel;
  readonly adapter?: Adapter;
  readonly store: ParameterStore;
}

/** A plan with the inputs that hold one micro-batch. */
export interface BucketPlan extends Bucket {
  readonly plan: Plan;
  readonly inputs: BatchTensors;
}

/** Small buffers that plans share with the host. */
export interface SharedTensors {
  /** f32: what the optimiser is told each step. */
  readonly hyper: Tensor;
  /** f32: loss, norm, scale, and whether something was not finite. */
  readonly stats: Tensor;
  /** u32: seed of dropout. */
  readonly seed: Tensor;
}

export function sharedTensors(model: LanguageModel): SharedTensors {
  return {
    hyper: model.device.upload([HYPER_SIZE], 'f32', 'hyperparameters'),
    stats: model.device.upload([STATS_SIZE], 'f32', 'statistics'),
    seed: model.device.upload([1], 'u32', 'dropout seed'),
  };
}

export interface GradientOptions {
  readonly dropout?: number;
  readonly checkpointing?: boolean;
}

/** Loss and gradients of one micro-batch, added to `stats` and to the store's gradients. */
export function recordGradients(
  { model, adapter }: Trainable,
  bucket: Bucket,
  shared: SharedTensors,
  { dropout = 0, checkpointing }: GradientOptions = {},
): { tape: Tape; inputs: BatchTensors } {
  const tape = new Tape(model.device, true);
  const inputs = batchTensors(tape, bucket, model.parameters !== undefined);
  const hidden = model.forward(tape, inputs, {
    adapter,
    checkpointing,
    dropout: dropout > 0 ? { probability: dropout, seed: shared.seed } : undefined,
  });
  tape.backward(linearCrossEntropy(tape, hidden, model.head, inputs.labels, shared.stats));
  return { tape, inputs };
}

/** Loss of one micro-batch, added to `stats`. */
export function recordLoss(
  { model, adapter }: Trainable,
  bucket: Bucket,
  shared: SharedTensors,
): { tape: Tape; inputs: BatchTensors } {
  const tape = new Tape(model.device);
  const inputs = batchTensors(tape, bucket);
  linearCrossEntropy(tape, model.forward(tape, inputs, { adapter }), model.head, inputs.labels, shared.stats);
  return { tape, inputs };
}

/** Clipping and one step of the optimiser. */
export function recordUpdate(
  { model, store }: Trainable,
  { kernel }: Optimiser,
  shared: SharedTensors,
): Tape {
  const tape = new Tape(model.device);
  recordStep(tape, store, kernel, shared);
  return tape;
}

export interface RunPlanOptions extends GradientOptions {
  readonly optimiser: Optimiser;
}

/** All plans of a run. */
export interface RunPlans {
  readonly shared: SharedTensors;
  readonly gradients: readonly BucketPlan[];
  readonly losses: readonly BucketPlan[];
  readonly update: Plan;
  /** Frees plans and small buffers, after the device has settled. */
  destroy(): void;
}

/** Records everything that a run needs, compiles all kernels under one count of progress, and makes the plans. */
export async function compileRun(
  trainable: Trainable,
  buckets: RunBuckets,
  { optimiser, ...options }: RunPlanOptions,
  onProgress: CompileProgress,
): Promise<RunPlans> {
  const { device, pool } = trainable.model;
  const shared = sharedTensors(trainable.model);
  const plans: Plan[] = [];
  const destroy = (): void => {
    for (const plan of plans) plan.destroy();
    for (const tensor of Object.values(shared)) device.free(tensor);
  };
  const compile = async (tape: Tape): Promise<Plan> => {
    const plan = await device.compile(tape, pool);
    plans.push(plan);
    return plan;
  };
  // The largest first, so that the smaller ones find their memory in the pool.
  const compileBuckets = async (recorded: readonly RecordedBucket[]): Promise<BucketPlan[]> => {
    const compiled: BucketPlan[] = [];
    for (const { tape, ...bucket } of [...recorded].reverse()) {
      compiled.unshift({ ...bucket, plan: await compile(tape) });
    }
    return compiled;
  };
  try {
    const gradients = buckets.gradients.map((bucket) => ({
      ...bucket,
      ...recordGradients(trainable, bucket, shared, options),
    }));
    const losses = buckets.losses.map((bucket) => ({ ...bucket, ...recordLoss(trainable, bucket, shared) }));
    const update = recordUpdate(trainable, optimiser, shared);
    await device.prepare(
      [...gradients.map(({ tape }) => tape), ...losses.map(({ tape }) => tape), update],
      onProgress,
    );
    return {
      shared,
      gradients: await compileBuckets(gradients),
      losses: await compileBuckets(losses),
      update: await compile(update),
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

interface RecordedBucket extends Bucket {
  readonly tape: Tape;
  readonly inputs: BatchTensors;
}
