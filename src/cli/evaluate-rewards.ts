/** Scores by rewards beside the metrics of `graft evaluate`: those of `--reward`, or those that an adapter learned from. */
import type { AskedQuestion } from '../evaluate/methods/method.ts';
import type { RewardOfRows } from '../evaluate/report.ts';
import { openRewards, passMarkOf } from '../rewards/reward.ts';
import type { RewardSpec } from '../rewards/specs.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { EvaluateFlags } from './evaluate-flags.ts';
import { rewardsOfAdapter } from './lineage.ts';
import type { Output } from './output.ts';
import { readRewardFiles, readRewardTexts, tellFailures } from './reward-flags.ts';
import { startSandbox } from './sandbox.ts';

/** Rewards of an evaluation, before they are opened. */
export interface ChosenRewards {
  readonly specs: readonly RewardSpec[];
  /** Whether an adapter under examination learned from rewards. */
  readonly learned: boolean;
  /** Whether a person gave these. */
  readonly given: boolean;
}

export interface AnswerRewards {
  /** The sum from which an answer passes. */
  readonly passMark: number;
  /** The weighted sum of the rewards for each answer, and what each of them gives. @param asked the answered rows, and possibly more after them */
  score(
    asked: readonly AskedQuestion[],
    answers: readonly string[],
  ): Promise<{ readonly totals: readonly number[]; readonly each: readonly RewardOfRows[] }>;
  close(): void;
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

/** @throws GraftError `reward`, `reward-code` */
export async function openAnswerRewards(
  { specs }: ChosenRewards,
  tokenizer: Tokenizer,
  output: Output,
): Promise<AnswerRewards> {
  const rewards = await openRewards(specs, { where: '--reward', stops: false, startSandbox });
  return {
    passMark: passMarkOf(specs),
    async score(asked, answers) {
      const scored = await rewards.score(
        answers.map((completion, at) => {
          const { question, example } = asked[at];
          const { prompt, expected: answer } = question;
          const tokens = tokenizer.encode(completion).length;
          return { prompt, completion, tokens, cut: false, answer, row: example?.columns ?? {} };
        }),
      );
      return {
        totals: scored.map(({ total }) => total),
        each: rewards.names.map((name, at) => ({
          name,
          weight: rewards.weights[at],
          passMark: passMarkOf([{ ...specs[at], weight: 1 }]),
          scores: scored.map(({ parts }) => parts[at]),
        })),
      };
    },
    close() {
      tellFailures(rewards, output);
      rewards.close();
    },
  };
}
