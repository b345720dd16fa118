/** The ways to make steps, and which of them an objective needs. */
import type { List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { Objective } from '../objectives/objective.ts';
import { objectiveOf } from '../objectives/registry.ts';
import type { RunBuckets } from './buckets.ts';
import type { RunSpec } from '../settings/spec.ts';
import { sampledSteps } from './policy/sampled-steps.ts';
import { rowSteps } from './row-steps.ts';
import type { StepKind } from './step-kind.ts';

export const stepKindOf = ({ samples }: Objective): StepKind => (samples ? sampledSteps : rowSteps);

/** Sizes for every micro-batch that a run will have, or for those of its first steps. @throws Error as `objectiveOf` */
export function runBuckets(
  options: RunSpec,
  trained: List<LabelledTokens>,
  heldOut: readonly LabelledTokens[],
): RunBuckets {
  return stepKindOf(objectiveOf(options.objective)).buckets(options, trained, heldOut);
}
