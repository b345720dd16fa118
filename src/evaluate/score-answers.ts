/** Rewards as scorers of an evaluation. */
import {
  openRewards,
  passMarkOf,
  type OpenOptions,
  type RewardSpec,
  type Rewards,
} from '../rewards/reward.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { RewardScorer } from './run-evaluation.ts';

export interface OpenRewardScorer extends RewardScorer {
  /** The rewards, with their failures so far. */
  readonly rewards: Rewards;
}

/**
 * @param tokenizer counts the tokens of an answer
 * @throws GraftError `reward`, `reward-code`
 */
export async function openRewardScorer(
  specs: readonly RewardSpec[],
  tokenizer: Tokenizer,
  options: OpenOptions,
): Promise<OpenRewardScorer> {
  const rewards = await openRewards(specs, { ...options, stops: false });
  return {
    rewards,
    passMark: passMarkOf(specs),
    parts: rewards.names.map((name, at) => ({
      name,
      weight: rewards.weights[at],
      passMark: passMarkOf([{ ...specs[at], weight: 1 }]),
    })),
    async score(asked, answers) {
      const scored = await rewards.score(
        answers.map(({ text: completion }, at) => {
          const { question, example } = asked[at];
          const { prompt, expected: answer } = question;
          const tokens = tokenizer.encode(completion).length;
          return { prompt, completion, tokens, cut: false, answer, row: example?.columns ?? {} };
        }),
      );
      return {
        totals: scored.map(({ total }) => total),
        each: rewards.names.map((_, at) => scored.map(({ parts }) => parts[at])),
      };
    },
  };
}
