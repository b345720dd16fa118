import { openRewards, type RewardSpec, type Scored } from '../../../src/scorers/rewards/reward.ts';
import type { Attempt } from '../../../src/scorers/scorer.ts';

/** A completion, and the other parts of an attempt that matter to a test. */
export function attempt(completion: string, more: Partial<Attempt> = {}): Attempt {
  return { prompt: 'A question', completion, tokens: 5, cut: false, row: {}, ...more };
}

/** The result of one reward for one completion. */
export async function scoreOf(
  spec: RewardSpec,
  completion: string,
  more?: Partial<Attempt>,
): Promise<Scored> {
  const rewards = await openRewards([spec]);
  try {
    return (await rewards.score([attempt(completion, more)]))[0];
  } finally {
    rewards.close();
  }
}

/** The same of several completions with one wanted answer, as scores before the weight. */
export async function scoresOf(
  spec: RewardSpec,
  completions: readonly string[],
  answer?: string,
): Promise<number[]> {
  const rewards = await openRewards([spec]);
  const scored = await rewards.score(completions.map((text) => attempt(text, { answer })));
  rewards.close();
  return scored.map(({ parts }) => parts[0]);
}
