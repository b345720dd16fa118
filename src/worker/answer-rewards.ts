/** Scores of answers to held-out rows by rewards, if the measured adapter learned from rewards. */
import type { AskedQuestion } from '../evaluate/methods/method.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { openRewards } from '../rewards/reward.ts';
import { rewardsProblem, type RewardSpec } from '../rewards/specs.ts';
import { readRun } from '../storage/runs.ts';
import type { FormSpec } from './api.ts';
import type { OpenModel } from './model.ts';
import { startSandbox } from './sandbox.ts';
import type { TrainedOn } from './trained-on.ts';

/** The rewards of the run that made an adapter; undefined where it learned from rows, or its run is not kept. */
export async function rewardsOf(trained: TrainedOn | undefined): Promise<readonly RewardSpec[] | undefined> {
  const runId = trained?.runId;
  if (runId === undefined) return undefined;
  const settings = (await readRun(runId))?.run.settings as Partial<FormSpec> | undefined;
  if (!settings || !objectiveOf(settings.objective).samples) return undefined;
  return rewardsProblem(settings.rewards) === undefined ? settings.rewards : undefined;
}

/** What rewards give a list of answers. */
export interface Rewarded {
  /** The weighted sums, row by row. */
  readonly totals: readonly number[];
  /** Row by row before the weights, reward by reward. */
  readonly each: readonly (readonly number[])[];
}

/**
 * What rewards give each list of answers to the first rows.
 *
 * @throws GraftError `reward`, `reward-code`, `reward-stopped` where one took too long
 */
export async function rewardAnswers(
  specs: readonly RewardSpec[],
  { tokenizer }: OpenModel,
  asked: readonly AskedQuestion[],
  lists: readonly (readonly string[])[],
): Promise<Rewarded[]> {
  const rewards = await openRewards(specs, { where: 'The rewards', stops: false, startSandbox });
  try {
    const scored: Rewarded[] = [];
    for (const answers of lists) {
      const attempts = answers.map((completion, at) => {
        const { question, example } = asked[at];
        const { prompt, expected: answer } = question;
        const tokens = tokenizer.encode(completion).length;
        return { prompt, completion, tokens, cut: false, answer, row: example?.columns ?? {} };
      });
      const rows = await rewards.score(attempts);
      scored.push({
        totals: rows.map(({ total }) => total),
        each: rewards.names.map((_, at) => rows.map(({ parts }) => parts[at])),
      });
    }
    return scored;
  } finally {
    rewards.close();
  }
}
