/** The loss on validation rows: told as it goes, and given up when asked to. Neither changes the number. */
import type { Device } from '../engine/device.ts';
import { writeBatch, type LabelledTokens } from '../model/batch.ts';
import type { Objective } from '../objectives/objective.ts';
import { bucketFor } from './buckets.ts';
import { countOf } from './learning.ts';
import type { TrainOptions } from './options.ts';
import { microBatches } from './order.ts';
import type { ReferencePolicy } from './reference.ts';
import type { BucketPlan } from './step-plans.ts';

/** Between two looks the GPU should work about so long: a person sees progress, and a look costs nothing to speak of. */
const LOOK_SECONDS = 0.25;

export interface ValidationWatch {
  /** Rows that are measured. */
  readonly onProgress: (done: number, total: number) => void;
  /** Asked between two groups of micro-batches: true gives it up. */
  readonly isInterrupted: () => boolean;
}

/** What a validation runs on. */
export interface LossPlans {
  readonly device: Device;
  readonly losses: readonly BucketPlan[];
  readonly objective: Objective;
  readonly reference: ReferencePolicy | undefined;
}

/**
 * Adds the losses of all rows to the statistics of the plans, which the caller clears first and reads afterwards.
 *
 * @returns what the loss is a mean over, or undefined where it was interrupted
 */
export async function runLosses(
  { device, losses, objective, reference }: LossPlans,
  rows: readonly LabelledTokens[],
  options: Pick<TrainOptions, 'batch' | 'maxLength' | 'packing'>,
  { onProgress, isInterrupted }: ValidationWatch,
): Promise<number | undefined> {
  const groups = microBatches(
    rows.map((row, place) => ({ ...row, place })),
    options,
  );
  let done = 0;
  let stride = 1;
  let looked = performance.now();
  let at = 0;
  while (at < groups.length) {
    onProgress(done, rows.length);
    if (isInterrupted()) return undefined;
    for (const group of groups.slice(at, at + stride)) {
      const bucket = bucketFor(losses, group);
      writeBatch(bucket.plan, bucket.inputs, group);
      reference?.write(
        bucket,
        'validation',
        group.map(({ place }) => place),
      );
      bucket.plan.run();
      done += group.length;
    }
    at += stride;
    await device.settle();
    const now = performance.now();
    const seconds = (now - looked) / 1000;
    looked = now;
    // The next look comes after about as much work as fits.
    if (seconds < LOOK_SECONDS / 2) stride *= 2;
    else if (seconds > LOOK_SECONDS * 2) stride = Math.max(1, Math.floor(stride / 2));
  }
  onProgress(done, rows.length);
  return countOf(objective, rows);
}
