/** Runs as the page sees them, made from stored records. */
import { ifStorageWorks } from '../../storage/settings.ts';
import { isExactMatch } from '../../scorers/exact-match.ts';
import type { Given } from '../../settings/setting.ts';
import { asSaved, pageValues } from '../../settings/table.ts';
import { AS_STORED } from '../../model/weight-types.ts';
import type { StoredRun, StoredSummary } from '../../storage/records.ts';
import { changeRun, readRun } from '../../storage/runs.ts';
import { summaryOf } from '../../storage/summaries.ts';
import type { StepEvent } from '../../train/events.ts';
import { passMarkOf } from '../../scorers/rewards/reward.ts';
import { readCurve, type Reading } from '../../train/reading.ts';
import type { WeightChoices, FormSpec, RunRecord, RunSummary, SamplePoint, StepPoint } from '../api.ts';
import { specOfForm } from '../../runs/headless-command.ts';
import { recipeOf } from '../../settings/recipe.ts';

export function weightsOf({ baseWeights = AS_STORED }: Pick<StoredRun, 'baseWeights'>): WeightChoices {
  return baseWeights as WeightChoices;
}

export function runSummary(run: StoredSummary, resumable: boolean): RunSummary {
  const { start, task, trial } = run.settings as FormSpec;
  const options: FormSpec = {
    ...pageValues(asSaved(run.settings as Given)),
    ...(start && { start }),
    ...(task !== undefined && { task }),
    ...(trial && { trial }),
  };
  const { id, projectId, baseModel, bundled, dataName, data } = run;
  const { status, created, step, trainingLoss, bestEval, reading, wanted, takenBytes, command } = run;
  const { keptModel } = run;
  return {
    id,
    projectId,
    options,
    baseModel,
    bundled,
    baseWeights: weightsOf(run),
    dataName,
    ...(data && { data }),
    status,
    created,
    step,
    ...(trainingLoss !== undefined && { trainingLoss }),
    ...(bestEval && { bestEval }),
    ...(reading && { reading }),
    ...(wanted !== undefined && { wanted }),
    ...(keptModel !== undefined && { keptModel }),
    ...(run.sweep !== undefined && { sweep: run.sweep }),
    ...(run.forgetting && { forgetting: run.forgetting }),
    ...(takenBytes !== undefined && { takenBytes }),
    resumable,
    command,
    recipe: recipeOf(
      specOfForm(options, run.dataOptions, {
        precision: run.precision,
        baseWeights: run.baseWeights as WeightChoices | undefined,
      }),
    ),
  };
}

export function runRecord(run: StoredRun, resumable: boolean): RunRecord {
  const { steps, evals, samples, rollout, wanted } = run;
  // A run of a version that did not read curves.
  const reading = run.reading ?? runReading(run, run.status === 'failed' && !resumable);
  return {
    ...runSummary(summaryOf({ ...run, reading }), resumable),
    steps,
    evals,
    samples: samples.map((sample) => samplePoint(sample, wanted)),
    ...(rollout && { rollout }),
  };
}

export function samplePoint({ step, text }: StoredRun['samples'][number], wanted?: string): SamplePoint {
  return { step, text, ...(wanted !== undefined && { right: isExactMatch(text, wanted) }) };
}

/** @param broke it ended because its loss was not finite */
export function runReading(
  { settings, steps, evals, unigramLoss }: Pick<StoredRun, 'settings' | 'steps' | 'evals' | 'unigramLoss'>,
  broke: boolean,
): Reading {
  const { steps: planned, objective, rewards } = settings as FormSpec;
  return readCurve({
    ...{ steps: planned, points: steps, evals, unigramLoss, broke, objective },
    ...(rewards && { fullMarks: passMarkOf(rewards) }),
  });
}

/** Reads the curve of a run of an earlier version, once. If that cannot be stored, it is read again next time. */
export async function withReading(run: StoredSummary, resumable: boolean): Promise<StoredSummary> {
  if (run.reading || run.status === 'running') return run;
  const whole = await readRun(run.id);
  if (!whole) return run;
  const reading = runReading(whole.run, run.status === 'failed' && !resumable);
  await ifStorageWorks(changeRun(run.id, { reading }));
  return { ...run, reading };
}

/** The stored part of a step. */
export function pointOf({ type: _, tokens: __, computedTokens: ___, ...point }: StepEvent): StepPoint {
  return point;
}
