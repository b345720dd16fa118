/** The plans of a run: forward and reverse for each bucket, the optimiser's update, and evaluation. All compiled before the first step. */
import { adamw, HYPER_SIZE, STATS_SIZE } from '../engine/ops/adamw.ts';
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import type { ParameterStore } from '../engine/parameters.ts';
import { Plan, type CompileProgress } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { batchTensors, type BatchTensors, type Bucket } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Adapter } from '../model/lora.ts';

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

/** Clipping and one step of AdamW. */
export function recordUpdate({ model, store }: Trainable, { hyper, stats }: SharedTensors): Tape {
  const tape = new Tape(model.device);
  adamw(tape, store, hyper, stats);
  return tape;
}

/** Compiles one plan for each bucket, the largest first, so that the smaller ones find their memory in the pool. */
export async function compileBuckets(
  model: LanguageModel,
  buckets: readonly Bucket[],
  record: (bucket: Bucket) => { tape: Tape; inputs: BatchTensors },
  onProgress?: CompileProgress,
): Promise<BucketPlan[]> {
  const plans: BucketPlan[] = [];
  for (const bucket of [...buckets].reverse()) {
    const { tape, inputs } = record(bucket);
    plans.unshift({
      ...bucket,
      inputs,
      plan: await Plan.compile(model.device, tape, model.pool, onProgress),
    });
  }
  return plans;
}
