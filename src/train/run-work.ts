/** The floating-point operations of a run's steps and of a validation, counted before it starts. */
import { DryRunDevice } from '../engine/dry-run/device.ts';
import type { Lowering } from '../engine/lowering.ts';
import { flopsOf } from '../engine/size.ts';
import type { Bucket, LabelledTokens } from '../model/batch.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { LanguageModel } from '../model/language-model.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { isHeld, itemsOf, type List } from '../lists.ts';
import { LOOKED_AHEAD, type RunBuckets } from './buckets.ts';
import { arranged, learningOf } from './learning.ts';
import { loadingOf } from './loading.ts';
import { emptyTrainable, type MemorySettings } from './memory-plan.ts';
import type { StepKind } from './step-kind.ts';
import { stepKindOf } from './step-kinds.ts';
import { compileRun } from './step-plans.ts';
import { countSteps, type RunSpec } from '../settings/spec.ts';

/** Floating-point operations of one replay, by the size of the micro-batch. */
export type WorkOf = (bucket: Bucket) => number;

/** The work of a run's plans. */
export interface PlanWork {
  /** Forward and backward. */
  readonly gradient: WorkOf;
  /** Forward alone, as a validation does. */
  readonly loss: WorkOf;
  /** Forward of the reference policy, if the objective has one. */
  readonly reference?: WorkOf;
  readonly update: number;
}

/**
 * Sizes at which plans are counted. Work is nearly a + b·tokens + c·tokens² + d·rows: products of the layers grow with the tokens, attention with
 * their square, the head with the supervised rows. So four plans determine all, and another batch size or length limit needs no new ones.
 */
const FEW = 32;
const COUNTED: readonly Bucket[] = [
  { tokens: 256, rows: FEW },
  { tokens: 256, rows: 256 },
  { tokens: 1024, rows: FEW },
  { tokens: 2048, rows: FEW },
];

/**
 * Counts the work of a run's plans, in a dry run.
 *
 * @throws GraftError `lora-config`
 */
export async function planWork(
  lowering: Lowering,
  definition: ModelDefinition,
  { options, ...weights }: Omit<MemorySettings, 'samples' | 'buckets'>,
): Promise<PlanWork> {
  const model = LanguageModel.empty(new DryRunDevice(lowering), definition, {
    ...weights,
    ...loadingOf(options),
  });
  const learning = learningOf(options);
  const { objective } = learning;
  const sequences = stepKindOf(objective).sequences(objective);
  const sizes = COUNTED.map((size) => ({ ...size, ...(sequences && { sequences }) }));
  const { gradients, losses, references, update } = await compileRun(
    emptyTrainable(model, options),
    { gradients: sizes, losses: sizes, ...(objective.reference && { references: sizes }) },
    {
      dropout: options.dropout,
      checkpointing: options.checkpointing,
      optimiser: optimiserOf(options.optimiser),
      learning,
    },
    () => undefined,
  );
  return {
    gradient: fit(gradients.map(({ plan }) => flopsOf([plan]))),
    loss: fit(losses.map(({ plan }) => flopsOf([plan]))),
    ...(objective.reference && { reference: fit(references.map(({ plan }) => flopsOf([plan]))) }),
    update: flopsOf([update]),
  };
}

/** The work of any size, from that of the {@link COUNTED} ones. */
function fit([few, many, medium, large]: readonly number[]): WorkOf {
  const [low, , middle, high] = COUNTED.map(({ tokens }) => tokens);
  const perRow = (many - few) / (COUNTED[1].rows - FEW);
  // Newton's interpolation through the three numbers of tokens.
  const first = (medium - few) / (middle - low);
  const second = ((large - medium) / (high - middle) - first) / (high - low);
  return ({ tokens, rows }) =>
    few + (tokens - low) * (first + (tokens - middle) * second) + (rows - FEW) * perRow;
}

/** The work of step `step`, counted from 0, on rows that `order` deals out. */
export type StepWork = (step: number) => number;

/**
 * The floating-point operations of each step of a run.
 *
 * @param ofFile the trained rows, before they are arranged
 * @param work as `planWork` counts it
 * @throws Error as `arranged`
 */
export function stepWork(
  options: RunSpec,
  ofFile: List<LabelledTokens>,
  buckets: RunBuckets,
  work: PlanWork,
): StepWork {
  return kindOf(options).stepWork(options, arranged(options, ofFile), buckets, work);
}

/** Steps that are counted one by one; longer runs repeat the same rows, and the mean stands for the rest. */
export const COUNTED_STEPS = 2000;

export interface RunWork {
  /** The work of all steps. */
  readonly steps: number;
  /** The work of one validation. */
  readonly validation: number;
  /** The work of the reference policy, before the first step. */
  readonly reference: number;
}

/**
 * The floating-point operations of a run: of all steps, of one validation, and of the reference policy. Steps after the first {@link COUNTED_STEPS}
 * count as the mean of those; of rows that are made as they are taken, after the first {@link LOOKED_AHEAD}.
 *
 * @param trained rows of the file, before they are arranged
 * @param heldOut validation rows, likewise
 * @param work as `planWork` counts it
 * @throws GraftError `train-option` as `countSteps`; Error as `arranged`
 */
export function runWork(
  options: RunSpec,
  trained: List<LabelledTokens>,
  heldOut: readonly LabelledTokens[],
  buckets: RunBuckets,
  work: PlanWork,
): RunWork {
  const rows = arranged(options, trained);
  const validation = [...itemsOf(arranged(options, heldOut))];
  const steps = countSteps(options, rows.length);
  const counted = Math.min(steps, isHeld(rows) ? COUNTED_STEPS : LOOKED_AHEAD);
  const each = stepWork(options, rows, buckets, work);
  let sum = 0;
  for (let step = 0; step < counted; step++) sum += each(step);
  return {
    steps: (sum / counted) * steps,
    ...kindOf(options).otherWork(options, rows, validation, buckets, work),
  };
}

const kindOf = (options: RunSpec): StepKind => stepKindOf(learningOf(options).objective);

/** Validations of a run that does not end early: before the first step, at the set interval, and after the last. */
export function countValidations({ evalEvery }: Pick<RunSpec, 'evalEvery'>, steps: number): number {
  return evalEvery > 0 ? 1 + Math.ceil(steps / evalEvery) : 0;
}
