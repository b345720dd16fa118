/** The steps of a run on the device: their inputs, and their outcomes. */
import { BROKEN_SLOT, encodeStep, NORM_SLOT, OWN_SLOT, STEP_SLOTS } from '../engine/ops/step.ts';
import { Tensor } from '../engine/tensor.ts';
import { itemOf } from '../lists.ts';
import {
  countSupervised,
  mostRangesOf,
  sizeOfRows,
  writeBatch,
  type LabelledTokens,
} from '../model/batch.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { bucketFor, furtherBucket, isHeldBy } from './buckets.ts';
import { countOf, measuredOf, sequencesOfRows, type Learning, type MeasuredLearning } from './learning.ts';
import { microBatches, RowOrder } from './order.ts';
import { learningRate } from './schedule.ts';
import type { StepParts, StepRequest } from './step-kind.ts';
import { statsSize, type SharedTensors } from './step-plans.ts';
import { taskLosses, withTasks, type TaskLosses } from './tasks.ts';
import { runLosses, type ValidationWatch } from './validation.ts';

/** A step that is on the device. */
export interface Submitted {
  /** Counts from 0. */
  readonly step: number;
  readonly lr: number;
  readonly tokens: number;
  /** Tokens without the copies of shared prefixes; missing if none are shared. */
  readonly computed?: number;
  readonly supervised: number;
  /** The divisor of its loss. */
  readonly count: number;
  readonly stats: Promise<Float32Array>;
  /** In a mixture: the rows, and the statistics after every task except the last. */
  readonly tasks?: { readonly rows: readonly LabelledTokens[]; readonly stats: Promise<Float32Array[]> };
}

export interface StepOutcome extends MeasuredLearning {
  readonly gradNorm: number;
  /** Whether something was not finite, so that nothing was updated. */
  readonly broken: boolean;
  /** In a mixture. */
  readonly tasks?: TaskLosses;
}

/** Makes the steps of a run. */
export interface StepMaker {
  /**
   * Puts a step on the device; its outcome comes later.
   *
   * @param step counts from 0
   * @param isInterrupted called while it samples: true interrupts
   * @returns undefined if it was interrupted before anything changed
   */
  submit(step: number, isInterrupted: () => boolean): Promise<Submitted | undefined>;
  /** Waits for a step. */
  outcome(submitted: Submitted): Promise<StepOutcome>;
  /** Whether the outcome of a step is known once it is submitted, so that nothing is gained by preparing the next one first. */
  readonly awaits: boolean;
  /** Measures the validation rows. @returns undefined if it was interrupted */
  validate(watch: ValidationWatch): Promise<MeasuredLearning | undefined>;
}

/** A row of a micro-batch, with its index among the rows of the run. */
interface PlacedRow extends LabelledTokens {
  readonly place: number;
}

type Groups = ReturnType<typeof withTasks<PlacedRow>>;

export class Steps implements StepMaker {
  readonly #order: RowOrder;

  readonly awaits = false;

  constructor(
    private readonly request: StepRequest,
    private readonly parts: StepParts,
  ) {
    this.#order = new RowOrder(request.rows, request.options);
  }

  async submit(step: number): Promise<Submitted> {
    const { rows: all, options } = this.request;
    const rows = this.#order.rowsOf(step).map((place): PlacedRow => ({ ...itemOf(all, place), place }));
    const groups = withTasks(microBatches(rows, options));
    await this.parts.reference?.know(
      groups.map(({ group }) => group),
      (group) => group.map(({ place }) => place),
    );
    const further = groups.filter(({ group }) => !isHeldBy(this.parts.plans.gradients, group));
    return further.length === 0 ? this.#submit(step, rows, groups) : this.#submitFurther(step, rows, groups);
  }

  /** Makes the plans that are missing first: nobody knew the sizes of these rows before. */
  async #submitFurther(step: number, rows: readonly PlacedRow[], groups: Groups): Promise<Submitted> {
    const { plans } = this.parts;
    const { options, trainable, learning } = this.request;
    const ranges = mostRangesOf(plans.gradients);
    const sequences = sequencesOfRows(learning.objective);
    await trainable.model.device.settle();
    for (const { group } of groups)
      if (!isHeldBy(plans.gradients, group))
        await plans.addGradients(furtherBucket(group, options, ranges, sequences));
    return this.#submit(step, rows, groups);
  }

  async #submit(step: number, rows: readonly PlacedRow[], groups: Groups): Promise<Submitted> {
    const { options, trainable, learning } = this.request;
    const { plans, reference, ring, taskRings } = this.parts;
    const { shared } = plans;
    const { device } = trainable.model;
    const count = countOf(learning.objective, rows);
    const lr = learningRate(step, options);
    const { weightDecay, clip } = options;
    const optimiser = optimiserOf(options.optimiser);
    device.write(
      shared.hyper,
      encodeStep({ clip, tokens: count, lr, weightDecay }, optimiser.encode(step + 1, options)),
    );
    const ofTasks: Promise<Float32Array>[] = [];
    for (const [index, { group, isLast }] of groups.entries()) {
      // A step of many micro-batches would otherwise be queued for seconds, during which nothing can pause it.
      if (index > 0) await device.catchUp();
      const bucket = bucketFor(plans.gradients, group);
      const { plan, inputs } = bucket;
      writeBatch(plan, inputs, group);
      reference?.write(
        bucket,
        'train',
        group.map(({ place }) => place),
      );
      // Dropout has a different seed in every micro-batch, and the same one when a step is repeated.
      device.write(
        shared.seed,
        Uint32Array.of(Math.imul(options.seed + 1, 0x9e3779b1) + step * 4096 + index),
      );
      const staged = isLast && index < groups.length - 1 ? taskRings.at(ofTasks.length) : undefined;
      const slot = staged?.next();
      plan.run({
        ...(index === 0 && {
          clear: [...trainable.store.gradients, ...clearedOfStep(shared, learning)],
        }),
        ...(slot && { stage: { tensor: shared.stats, slot } }),
      });
      if (slot) ofTasks.push(slot.read());
    }
    const slot = ring.next();
    plans.update.run({ stage: { tensor: shared.stats, slot } });
    const stats = slot.read();
    // If the step before it ends the run, this one is not awaited: the failure has been reported.
    const tasks = Promise.all(ofTasks);
    for (const read of [stats, tasks]) read.catch(() => undefined);
    const supervised = rows.reduce((sum, row) => sum + countSupervised(row), 0);
    const ranges = mostRangesOf(plans.gradients);
    return {
      ...{ step, lr, supervised, count, stats },
      tokens: sizeOfRows(rows).tokens,
      ...(ranges > 1 && {
        computed: groups.reduce((sum, { group }) => sum + sizeOfRows(group, ranges).tokens, 0),
      }),
      ...(taskRings.length > 0 && { tasks: { rows, stats: tasks } }),
    };
  }

  async outcome({ stats, count, tasks }: Submitted): Promise<StepOutcome> {
    const values = await stats;
    const { objective } = this.request.learning;
    return {
      ...measuredOf(objective, values, count),
      ...(tasks && { tasks: taskLosses(objective, tasks.rows, [...(await tasks.stats), values]) }),
      gradNorm: values[NORM_SLOT],
      broken: values[BROKEN_SLOT] !== 0,
    };
  }

  async validate(watch: ValidationWatch): Promise<MeasuredLearning | undefined> {
    const { options, trainable, learning, validation } = this.request;
    const { plans, reference } = this.parts;
    const { stats } = plans.shared;
    const { device } = trainable.model;
    const { objective } = learning;
    device.write(stats, new Float32Array(STEP_SLOTS));
    const own = statsSize(objective) - OWN_SLOT;
    if (own > 0) device.write(stats, new Float32Array(own), OWN_SLOT * 4);
    return runLosses(
      { device, losses: plans.losses, objective, reference, stats },
      validation,
      options,
      watch,
    );
  }
}

/** Views of the statistics of a single step, which are cleared before it: f32 [STEP_SLOTS], and [sums] if the objective has sums of its own. */
export function clearedOfStep(
  { stats: { storage, dtype } }: SharedTensors,
  { objective }: Learning,
): Tensor[] {
  const { sums } = objective;
  const own = sums > 0 ? [new Tensor(storage, [sums], dtype, OWN_SLOT * 4)] : [];
  return [new Tensor(storage, [STEP_SLOTS], dtype), ...own];
}
