/** How a run makes its steps: from its rows, or of answers that it samples to them. `step-kinds.ts` names both; an objective says which it needs. */
import type { StagingRing } from '../engine/staging.ts';
import type { List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { Objective } from '../objectives/objective.ts';
import type { RunBuckets } from './buckets.ts';
import type { TrainEvent } from './events.ts';
import type { Learning } from './learning.ts';
import type { MemorySettings } from './memory-plan.ts';
import type { RunSpec } from '../settings/spec.ts';
import type { Scoring } from './policy/scoring.ts';
import type { ReferencePolicy } from './reference.ts';
import type { PlanWork, RunWork, StepWork } from './run-work.ts';
import type { RunPlans, Trainable } from './step-plans.ts';
import type { StepMaker } from './steps.ts';

/** What steps are made of. */
export interface StepRequest {
  readonly trainable: Trainable;
  /** The settings, with the steps of the whole run. */
  readonly options: RunSpec & { readonly steps: number };
  readonly learning: Learning;
  /** Arranged by the objective. */
  readonly rows: List<LabelledTokens>;
  /** The rows that a validation measures. */
  readonly validation: readonly LabelledTokens[];
  /** The rewards, if the objective needs some. */
  readonly scoring: Scoring | undefined;
  readonly emit: (event: TrainEvent) => void;
}

/** What the device has for them. */
export interface StepParts {
  readonly plans: RunPlans;
  readonly ring: StagingRing;
  /** In a mixture one for each task except the last, which the ring of the totals serves. */
  readonly taskRings: readonly StagingRing[];
  /** Missing if the objective has none that is known before the first step. */
  readonly reference: ReferencePolicy | undefined;
}

export interface StepKind {
  /** Sizes for every micro-batch that a run will have, or for those of its first steps. */
  buckets(options: RunSpec, rows: List<LabelledTokens>, heldOut: readonly LabelledTokens[]): RunBuckets;
  /** Sizes of a step of one full micro-batch, every token supervised: for a plan without rows. */
  fullBuckets(options: MemorySettings['options'], objective: Objective): RunBuckets;
  /** Sequences of a row that a plan keeps apart, for counting its work; undefined if it keeps none apart. */
  sequences(objective: Objective): number | undefined;
  /** The work of each step. @param rows arranged by the objective */
  stepWork(options: RunSpec, rows: List<LabelledTokens>, buckets: RunBuckets, work: PlanWork): StepWork;
  /** The work besides the steps. @param rows, validation arranged by the objective */
  otherWork(
    options: RunSpec,
    rows: List<LabelledTokens>,
    validation: readonly LabelledTokens[],
    buckets: RunBuckets,
    work: PlanWork,
  ): Omit<RunWork, 'steps'>;
  /**
   * Makes the checks that need no plan.
   *
   * @returns what makes the steps, once there are plans
   * @throws GraftError `train-objective`, `train-option`
   */
  prepare(request: StepRequest): (parts: StepParts) => StepMaker;
}
