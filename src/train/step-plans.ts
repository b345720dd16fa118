/** The plans of a run: forward and backward for each bucket, the optimiser's update, and evaluation. All compiled before the first step. */
import type { CompileProgress } from '../engine/device.ts';
import { HYPER_SIZE, OWN_SLOT } from '../engine/ops/step.ts';
import { update as recordStep } from '../engine/ops/update.ts';
import type { ParameterStore } from '../engine/parameters.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { batchTensors, type BatchTensors, type Bucket } from '../model/batch.ts';
import { sampledAtOnce } from '../model/generation.ts';
import { Generator } from '../model/generator.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { Adapter } from '../adapters/adapter.ts';
import type { Objective } from '../objectives/objective.ts';
import type { Optimiser } from '../optimisers/optimiser.ts';
import type { Given } from '../settings/setting.ts';
import type { RunBuckets } from './buckets.ts';
import { SUPERVISED, type Learning } from './learning.ts';
import { TapeLossGraph, type PolicyTensors } from './loss-graph.ts';

/** The trained parameters: an adapter's, or the model's own. */
export interface Trainable {
  readonly model: LanguageModel;
  readonly adapter?: Adapter;
  readonly store: ParameterStore;
}

/** A plan with the inputs of one micro-batch. */
export interface BucketPlan extends Bucket {
  readonly plan: Plan;
  readonly inputs: BatchTensors;
  readonly policies: PolicyTensors;
}

/** Small buffers that plans share with the host. */
export interface SharedTensors {
  /** f32: the optimiser's numbers of a step. */
  readonly hyper: Tensor;
  /** f32: loss, norm, scale, and whether something was not finite; then the sums of the objective. */
  readonly stats: Tensor;
  /** u32: seed of dropout. */
  readonly seed: Tensor;
}

/** @param learning whose sums are in the statistics */
export function sharedTensors(model: LanguageModel, { objective }: Learning = SUPERVISED): SharedTensors {
  return {
    hyper: model.device.upload([HYPER_SIZE], 'f32', 'hyperparameters'),
    stats: model.device.upload([statsSize(objective)], 'f32', 'statistics'),
    seed: model.device.upload([1], 'u32', 'dropout seed'),
  };
}

/** Numbers in the statistics of a step. */
export const statsSize = ({ sums }: Objective): number => OWN_SLOT + sums;

export interface GradientOptions {
  readonly dropout?: number;
  readonly checkpointing?: boolean;
  /** Whether rows that start alike share their first tokens: for the gradients of one batch. A run decides by its buckets. */
  readonly sharePrefixes?: boolean;
  /** The supervised objective if left out. */
  readonly learning?: Learning;
}

interface Recorded {
  readonly tape: Tape;
  readonly inputs: BatchTensors;
  readonly policies: PolicyTensors;
}

/** Loss and gradients of one micro-batch, added to `stats` and to the store's gradients. */
export function recordGradients(
  { model, adapter }: Trainable,
  bucket: Bucket,
  shared: SharedTensors,
  { dropout = 0, checkpointing, learning: { objective, settings } = SUPERVISED }: GradientOptions = {},
): Recorded {
  const tape = new Tape(model.device, true);
  const inputs = batchTensors(tape, bucket, {
    ...model.batchOptions,
    trainsEmbedding: model.trainsEmbedding || adapter?.embeds,
  });
  const hidden = model.forward(tape, inputs, {
    adapter,
    checkpointing,
    dropout: dropout > 0 ? { probability: dropout, seed: shared.seed } : undefined,
  });
  const graph = new TapeLossGraph(tape, hidden, { model, adapter }, inputs, shared.stats);
  tape.backward(objective.record(graph, settings));
  return { tape, inputs: { ...inputs, ...graph.inputs }, policies: graph.policies };
}

/** Loss of one micro-batch, added to `stats`. */
function recordLoss(
  { model, adapter }: Trainable,
  bucket: Bucket,
  shared: SharedTensors,
  { objective, settings }: Learning = SUPERVISED,
): Recorded {
  const tape = new Tape(model.device);
  const inputs = batchTensors(tape, bucket, model.batchOptions);
  const hidden = model.forward(tape, inputs, { adapter });
  const graph = new TapeLossGraph(tape, hidden, { model, adapter }, inputs, shared.stats);
  objective.record(graph, settings);
  return { tape, inputs: { ...inputs, ...graph.inputs }, policies: graph.policies };
}

/**
 * Log-probabilities of the sequences of one micro-batch by the reference policy, or of their tokens if they were sampled.
 *
 * @param adapter of the reference; none for the base model alone
 */
export function recordReference(
  { model, adapter }: Pick<Trainable, 'model' | 'adapter'>,
  bucket: Bucket,
  shared: SharedTensors,
  { objective, settings }: Learning,
): Recorded {
  const tape = new Tape(model.device);
  const inputs = batchTensors(tape, bucket, model.batchOptions);
  const hidden = model.forward(tape, inputs, { adapter });
  const graph = new TapeLossGraph(tape, hidden, { model, adapter }, inputs, shared.stats);
  if (objective.recordReference) objective.recordReference(graph, settings);
  else graph.sequenceLogProbabilities();
  return { tape, inputs: { ...inputs, ...graph.inputs }, policies: graph.policies };
}

/** Clipping and one step of the optimiser. */
function recordUpdate(
  { model, store }: Trainable,
  optimiser: Optimiser,
  shared: SharedTensors,
  settings: Given,
): Tape {
  const tape = new Tape(model.device);
  recordStep(tape, store, (graph) => optimiser.record(graph, settings), shared);
  return tape;
}

/** Writes the temperature of a plan, once for all of its replays. */
export function writeSharpness(plan: Plan, { sharpness }: PolicyTensors): void {
  if (sharpness) plan.write(sharpness.tensor, new Float32Array(sharpness.tensor.size).fill(sharpness.value));
}

interface RunPlanOptions extends GradientOptions {
  readonly optimiser: Optimiser;
  readonly learning: Learning;
}

/** All plans of a run. */
export interface RunPlans {
  readonly shared: SharedTensors;
  readonly gradients: readonly BucketPlan[];
  /** Adds a plan to {@link gradients}, while nothing runs: for rows whose sizes are not known before they are taken. */
  addGradients(bucket: Bucket): Promise<void>;
  readonly losses: readonly BucketPlan[];
  /** Plans of the reference policy; empty if the objective has none. */
  readonly references: readonly BucketPlan[];
  /** Adds a plan to {@link references}, as {@link addGradients} does. */
  addReferences(bucket: Bucket): Promise<void>;
  /** The adapter that the run starts from, if it is the reference during the run. The caller writes its values. */
  readonly start: Adapter | undefined;
  readonly update: Plan;
  /** Samples answers, for an objective that does. */
  readonly generator: Generator | undefined;
  /** Frees plans and small buffers, after the device has settled. */
  destroy(): void;
}

/** A frozen copy of the adapter, if sampled answers are compared with the adapter before the first step. */
function startOf({ model, adapter }: Trainable, { objective, settings }: Learning): Adapter | undefined {
  return objective.compares?.(settings) && settings['reference'] === 'start' && adapter
    ? new Adapter(model.device, adapter.modules, undefined, { trainable: false })
    : undefined;
}

/** Records everything that a run needs, compiles all kernels under one count of progress, and makes the plans. */
export async function compileRun(
  trainable: Trainable,
  buckets: RunBuckets,
  { optimiser, ...options }: RunPlanOptions,
  onProgress: CompileProgress,
): Promise<RunPlans> {
  const { device, pool } = trainable.model;
  const { learning } = options;
  const shared = sharedTensors(trainable.model, learning);
  const plans: Plan[] = [];
  let generator: Generator | undefined;
  const start = startOf(trainable, learning);
  const destroy = (): void => {
    generator?.destroy();
    start?.destroy();
    for (const plan of plans) plan.destroy();
    for (const tensor of Object.values(shared)) device.free(tensor);
  };
  const compile = async (tape: Tape): Promise<Plan> => {
    const plan = await device.compile(tape, pool);
    plans.push(plan);
    return plan;
  };
  // The largest first, so that the smaller ones find their memory in the pool.
  const compileBuckets = async (recorded: readonly (Recorded & Bucket)[]): Promise<BucketPlan[]> => {
    const compiled: BucketPlan[] = [];
    for (const { tape, ...bucket } of [...recorded].reverse()) {
      const plan = await compile(tape);
      writeSharpness(plan, bucket.policies);
      compiled.unshift({ ...bucket, plan });
    }
    return compiled;
  };
  try {
    const withGradients = (bucket: Bucket): Recorded & Bucket => ({
      ...bucket,
      ...recordGradients(trainable, bucket, shared, options),
    });
    const gradients = buckets.gradients.map(withGradients);
    const losses = buckets.losses.map((bucket) => ({
      ...bucket,
      ...recordLoss(trainable, bucket, shared, learning),
    }));
    const { model, adapter } = trainable;
    // Before the first step, the reference has the run's own values.
    const policy =
      learning.settings['reference'] === 'start' ? { model, adapter: start ?? adapter } : { model };
    const withReference = (bucket: Bucket): Recorded & Bucket => ({
      ...bucket,
      ...recordReference(policy, bucket, shared, learning),
    });
    const references = (buckets.references ?? []).map(withReference);
    const update = recordUpdate(trainable, optimiser, shared, learning.settings);
    await device.prepare(
      [...[...gradients, ...losses, ...references].map(({ tape }) => tape), update],
      onProgress,
    );
    const compiled = {
      gradients: await compileBuckets(gradients),
      losses: await compileBuckets(losses),
      references: await compileBuckets(references),
      update: await compile(update),
    };
    if (buckets.generation) {
      const { maxLength } = buckets.generation;
      generator = new Generator(model, sampledAtOnce(model, buckets.generation), maxLength);
      await generator.prepare(adapter);
    }
    const add = async (to: BucketPlan[], recorded: Recorded & Bucket): Promise<void> => {
      await device.prepare([recorded.tape], () => undefined);
      to.push(...(await compileBuckets([recorded])));
      to.sort((a, b) => a.tokens - b.tokens || a.rows - b.rows);
    };
    const addGradients = (bucket: Bucket): Promise<void> => add(compiled.gradients, withGradients(bucket));
    const addReferences = (bucket: Bucket): Promise<void> => add(compiled.references, withReference(bucket));
    return { shared, ...compiled, addGradients, addReferences, start, generator, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}
