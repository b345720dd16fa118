/** Sets up a trainer: checks its settings and rows, compiles its plans. */
import type { StagingRing } from '../engine/staging.ts';
import { GraftError } from '../errors.ts';
import type { List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { checkTrainRows, checkState } from './checks.ts';
import type { RunBuckets } from './buckets.ts';
import type { TrainEvent } from './events.ts';
import { layoutsDiffer } from './layout-check.ts';
import { arranged, checkCount, learningOf, type Learning } from './learning.ts';
import { validationRows } from './order.ts';
import type { Scoring } from './policy/scoring.ts';
import { ReferencePolicy } from './reference.ts';
import type { TrainerState } from './state.ts';
import { placesByTask } from './tasks.ts';
import { stepKindOf } from './step-kinds.ts';
import { compileRun, statsSize, type RunPlans, type Trainable } from './step-plans.ts';
import type { StepMaker } from './steps.ts';
import { checkSpec, countSteps, type RunSpec } from '../settings/spec.ts';

export interface TrainerRequest {
  readonly trainable: Trainable;
  readonly options: RunSpec;
  /** Those of a large file are made as they are taken. */
  readonly rows: List<LabelledTokens>;
  /** At most {@link MAX_VALIDATION_ROWS} of them are measured. */
  readonly validation?: List<LabelledTokens>;
  /** The saved state to resume from instead of starting at step 0. */
  readonly state?: TrainerState;
  /** Steps between the caller's sample answers, for the estimate of the time left. */
  readonly sampleEvery?: number;
  readonly onEvent?: (event: TrainEvent) => void;
  /** The rewards, for an objective that samples answers. */
  readonly scoring?: Scoring;
}

export interface Setup {
  readonly trainable: Trainable;
  readonly options: RunSpec;
  readonly learning: Learning;
  /** Steps of the whole run. */
  readonly steps: number;
  /** The rows that a validation measures. */
  readonly validation: readonly LabelledTokens[];
  readonly plans: RunPlans;
  readonly ring: StagingRing;
  /** For a mixture. */
  readonly taskRings: readonly StagingRing[];
  /** Missing if the objective has none. */
  readonly reference: ReferencePolicy | undefined;
  readonly submitter: StepMaker;
}

/** @throws GraftError `train-option`, `train-rows`, `train-objective`, `train-resume`, `engine-…` */
export async function setUp({
  trainable,
  options,
  rows: given,
  validation: heldOut = [],
  state,
  onEvent = () => undefined,
  scoring,
}: TrainerRequest): Promise<Setup> {
  checkSpec(options);
  if (given.length === 0) {
    throw new GraftError(
      'train-rows',
      'There are no rows to train on.',
      'Import examples with at least one supervised token.',
    );
  }
  const measured = validationRows(heldOut);
  const learning = learningOf(options);
  checkTrainRows(trainable, learning, given, 'Row');
  checkTrainRows(trainable, learning, measured, 'Validation row');
  checkCount(learning.objective, given.length);
  const rows = arranged(options, given);
  const validation = arranged(options, measured);
  const steps = countSteps(options, rows.length);
  if (options.warmup > steps) {
    throw new GraftError(
      'train-option',
      `Warm-up takes ${options.warmup} steps, and the run has ${steps}.`,
      'Choose a shorter warm-up or more steps.',
    );
  }
  const kind = stepKindOf(learning.objective);
  const stepsOf = kind.prepare({
    ...{ trainable, learning, rows, validation, scoring },
    options: { ...options, steps },
    emit: onEvent,
  });
  if (state) checkState(trainable, options, steps, state);
  const compile = (buckets: RunBuckets): Promise<RunPlans> =>
    compileRun(
      trainable,
      buckets,
      {
        dropout: options.dropout,
        checkpointing: options.checkpointing,
        optimiser: optimiserOf(options.optimiser),
        learning,
      },
      (done, total) => onEvent({ type: 'compile', done, total }),
    );
  const buckets = kind.buckets(options, rows, validation);
  const { probes, repeated } = buckets;
  let plans = await compile(buckets);
  const difference =
    probes &&
    (await layoutsDiffer(trainable, plans, learning, probes).catch((error: unknown) => {
      plans.destroy();
      throw error;
    }));
  if (difference !== undefined) {
    plans.destroy();
    plans = await compile(kind.buckets({ ...options, sharePrefixes: 'off' }, rows, validation));
  }
  if (repeated)
    onEvent({
      ...{ type: 'layout', ...repeated },
      sharing: difference !== undefined ? 'differs' : probes?.gradients ? 'shared' : 'dropout',
      ...(difference !== undefined && { difference }),
    });
  if (plans.start && !state) plans.start.write(await trainable.adapter!.read());
  const { device } = trainable.model;
  const ring = device.createStaging(statsSize(learning.objective) * 4, 'steps');
  const taskRings = placesByTask(rows)
    .slice(1)
    .map(() => device.createStaging(statsSize(learning.objective) * 4, 'tasks'));
  const reference = learning.objective.reference
    ? new ReferencePolicy(device, plans, { train: rows, validation }, options, !trainable.adapter)
    : undefined;
  const submitter = stepsOf({ plans, ring, taskRings, reference });
  return { trainable, options, learning, steps, validation, plans, ring, taskRings, reference, submitter };
}
