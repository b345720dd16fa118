/** Scores by rewards next to the metrics of `graft evaluate`: those of `--reward`, or those that an adapter learned from. */
import type { RewardSpec } from '../scorers/scorer-spec.ts';
import type { EvaluateFlags } from './evaluate-flags.ts';
import { rewardsOfAdapter } from './lineage.ts';
import { readRewardFiles, readRewardTexts } from './reward-flags.ts';

/** Rewards of an evaluation, before they are opened. */
export interface ChosenRewards {
  readonly specs: readonly RewardSpec[];
  /** Whether an adapter under examination learned from rewards. */
  readonly learned: boolean;
  /** Whether a person gave these. */
  readonly given: boolean;
}

/**
 * Those of `--reward`, or else those of the first adapter that learned from some; undefined if there are none.
 *
 * @throws GraftError `reward`, and those of reading files
 */
export async function chosenRewards(flags: EvaluateFlags): Promise<ChosenRewards | undefined> {
  await readRewardFiles(flags);
  let learned: readonly RewardSpec[] | undefined;
  for (const folder of [...flags.texts('adapter'), ...flags.texts('tuned')])
    learned ??= await rewardsOfAdapter(folder);
  const specs = flags.isGiven('reward') ? readRewardTexts(flags.texts('reward')) : learned;
  return specs && { specs, learned: learned !== undefined, given: flags.isGiven('reward') };
}
