/** The loss on validation rows, with progress and interruption, neither of which changes the number. */
import type { Device } from '../engine/device.ts';
import type { Tensor } from '../engine/tensor.ts';
import { writeBatch, type LabelledTokens } from '../model/batch.ts';
import type { Objective } from '../objectives/objective.ts';
import { bucketFor } from './buckets.ts';
import { countOf, measuredOf, type MeasuredLearning } from './learning.ts';
import { microBatches } from './order.ts';
import type { ReferencePolicy } from './reference.ts';
import type { BucketPlan } from './step-plans.ts';
import { isMixture, taskLosses, withTasks } from './tasks.ts';
import type { RunSpec } from '../settings/spec.ts';

/** Time between two checks for an interruption: short enough for visible progress, and long enough that a check costs little. */
const LOOK_SECONDS = 0.25;

export interface ValidationWatch {
  /** Rows that are measured. */
  readonly onProgress: (done: number, total: number) => void;
  /** Called between two groups of micro-batches: true interrupts. */
  readonly isInterrupted: () => boolean;
}

/** The plans of a validation. */
interface LossPlans {
  readonly device: Device;
  readonly losses: readonly BucketPlan[];
  readonly objective: Objective;
  readonly reference: ReferencePolicy | undefined;
  /** The statistics that they add to. */
  readonly stats: Tensor;
}

/**
 * Adds the losses of all rows to the statistics of the plans, which the caller clears first.
 *
 * @returns their mean, in a mixture also that of each task; undefined if it was interrupted
 */
export async function runLosses(
  { device, losses, objective, reference, stats }: LossPlans,
  rows: readonly LabelledTokens[],
  options: Pick<RunSpec, 'batch' | 'maxLength' | 'packing'>,
  { onProgress, isInterrupted }: ValidationWatch,
): Promise<MeasuredLearning | undefined> {
  const placed = rows.map((row, place) => ({ ...row, place }));
  const groups = withTasks(microBatches(placed, options));
  const read = async (): Promise<Float32Array> => new Float32Array(await device.read(stats));
  /** After each task. */
  const sums: Float32Array[] = [];
  let done = 0;
  let stride = 1;
  let looked = performance.now();
  let at = 0;
  while (at < groups.length) {
    onProgress(done, rows.length);
    if (isInterrupted()) return undefined;
    const next = groups.slice(at, at + stride);
    // The sums of a task are read before those of the next are added.
    const end = next.findIndex(({ isLast }) => isLast);
    for (const { group } of end < 0 ? next : next.slice(0, end + 1)) {
      const bucket = bucketFor(losses, group);
      writeBatch(bucket.plan, bucket.inputs, group);
      reference?.write(
        bucket,
        'validation',
        group.map(({ place }) => place),
      );
      bucket.plan.run();
      done += group.length;
      at++;
    }
    if (end >= 0) sums.push(await read());
    await device.settle();
    const now = performance.now();
    const seconds = (now - looked) / 1000;
    looked = now;
    // The next check comes after about as much work as fits in that time.
    if (seconds < LOOK_SECONDS / 2) stride *= 2;
    else if (seconds > LOOK_SECONDS * 2) stride = Math.max(1, Math.floor(stride / 2));
  }
  onProgress(done, rows.length);
  return {
    ...measuredOf(objective, sums[sums.length - 1], countOf(objective, rows)),
    ...(isMixture(rows) && { tasks: taskLosses(objective, placed, sums) }),
  };
}
