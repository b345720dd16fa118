/** Steps from the rows themselves: each takes some, and learns from what they have. */
import { isHeld, itemOf, spread, type List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { objectiveOf } from '../objectives/registry.ts';
import {
  bucketFor,
  chooseBuckets,
  fullBucket,
  LOOKED_AHEAD,
  rowsOfRun,
  sizesOf,
  startsOf,
  type RunBuckets,
} from './buckets.ts';
import { arranged, sequencesOfRows } from './learning.ts';
import { countSteps, type RunSpec } from '../settings/spec.ts';
import { microBatches, RowOrder } from './order.ts';
import type { WorkOf } from './run-work.ts';
import type { StepKind } from './step-kind.ts';
import { Steps } from './steps.ts';
import { isMixture, placesByTask } from './tasks.ts';

export const rowSteps: StepKind = {
  buckets(options, trained, heldOut) {
    const rows = arranged(options, trained);
    const validation = arranged(options, heldOut);
    const order = new RowOrder(rows, options);
    const groupsOf = (some: readonly LabelledTokens[]): LabelledTokens[][] => microBatches(some, options);
    const count = countSteps(options, rows.length);
    const steps = Array.from({ length: isHeld(rows) ? count : Math.min(count, LOOKED_AHEAD) }, (_, step) =>
      groupsOf(order.rowsOf(step).map((row) => itemOf(rows, row))),
    );
    const gradients = sizesOf(steps.flat(), options);
    const losses = sizesOf(groupsOf(validation), options);
    // The reference is asked for rows in groups of their own, or as they are taken in those of the steps.
    const asked = (): LabelledTokens[][] =>
      isHeld(rows) ? groupsOf(rowsOfRun(rows, options).map((row) => itemOf(rows, row))) : steps.flat();
    const references = objectiveOf(options.objective).reference
      ? sizesOf([...asked(), ...groupsOf(validation)], options)
      : undefined;
    const uses = { gradients, losses, ...(references && { references }) };
    const probes = Object.entries(uses).flatMap(([use, { probe }]) => (probe ? [[use, probe] as const] : []));
    return {
      ...(isMixture(rows) && { tasks: placesByTask(rows).length }),
      ...startsOf(options, rows),
      gradients: chooseBuckets(gradients.sizes),
      losses: chooseBuckets(losses.sizes),
      ...(references && { references: chooseBuckets(references.sizes) }),
      ...(probes.length > 0 && { probes: Object.fromEntries(probes) }),
      ...(gradients.repeated && { repeated: gradients.repeated }),
    };
  },
  fullBuckets(options, objective) {
    const bucket = fullBucket(options, sequencesOfRows(objective));
    return { gradients: [bucket], losses: [], ...(objective.reference && { references: [bucket] }) };
  },
  sequences: sequencesOfRows,
  stepWork(options, rows, { gradients }, work) {
    const order = new RowOrder(rows, options);
    return (step) =>
      workOfRows(
        order.rowsOf(step).map((row) => itemOf(rows, row)),
        options,
        gradients,
        work.gradient,
      ) + work.update;
  },
  otherWork: (options, rows, validation, { losses, references }, work) => ({
    validation: workOfRows(validation, options, losses, work.loss),
    reference:
      work.reference && references
        ? workOfMany(rows, rowsOfRun(rows, options), options, references, work.reference) +
          workOfRows(validation, options, references, work.reference)
        : 0,
  }),
  prepare: (request) => (parts) => new Steps(request, parts),
};

/** The work on many rows: counted on some of them if they are made as they are taken. @param taken their places */
function workOfMany(
  rows: List<LabelledTokens>,
  taken: readonly number[],
  options: RunSpec,
  buckets: RunBuckets['gradients'],
  work: WorkOf,
): number {
  const counted = isHeld(rows) ? taken : spread(taken, LOOKED_AHEAD * options.batch);
  const some = counted.map((row) => itemOf(rows, row));
  return (workOfRows(some, options, buckets, work) * taken.length) / Math.max(1, counted.length);
}

/** Each micro-batch costs as much as its bucket, padding included. */
function workOfRows(
  rows: readonly LabelledTokens[],
  options: RunSpec,
  buckets: RunBuckets['gradients'],
  work: WorkOf,
): number {
  return microBatches(rows, options).reduce((sum, group) => sum + work(bucketFor(buckets, group)), 0);
}
