/** The rewards by which answers to held-out rows are scored, if the measured adapter learned from rewards. */
import { objectiveOf } from '../../objectives/registry.ts';
import type { RewardSpec } from '../../scorers/scorer-spec.ts';
import { rewardsProblem } from '../../scorers/rewards/specs.ts';
import { readRun } from '../../storage/runs.ts';
import type { FormSpec } from '../api.ts';
import type { TrainedOn } from './trained-on.ts';

/** The rewards of the run that made an adapter; undefined if it learned from rows, or its run is not kept. */
export async function rewardsOf(trained: TrainedOn | undefined): Promise<readonly RewardSpec[] | undefined> {
  const runId = trained?.runId;
  if (runId === undefined) return undefined;
  const settings = (await readRun(runId))?.run.settings as Partial<FormSpec> | undefined;
  if (!settings || !objectiveOf(settings.objective).samples) return undefined;
  return rewardsProblem(settings.rewards) === undefined ? settings.rewards : undefined;
}
