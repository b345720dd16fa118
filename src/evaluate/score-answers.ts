/** Scorers of an evaluation: those that were chosen by name, and rewards with their weights. */
import {
  openRewards,
  passMarkOf,
  type OpenOptions,
  type RewardSpec,
  type Rewards,
} from '../scorers/rewards/reward.ts';
import { isAnswerScorer, isTextScorer } from '../scorers/lists.ts';
import { scoreAttempts } from '../scorers/open.ts';
import type { StartSandbox } from '../scorers/sandbox/sandbox.ts';
import { needsOf, isComparing, type Attempt, type Scorer } from '../scorers/scorer.ts';
import { answerScores } from '../scorers/scores.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { AskedQuestion } from './methods/method.ts';
import type { Evidence } from './record.ts';
import type { ChosenScorers, RewardScorer } from './run-evaluation.ts';

/** The attempts of answered rows. @param tokenizer counts the tokens of an answer */
const attemptsOf = (
  asked: readonly AskedQuestion[],
  answers: readonly Evidence[],
  tokenizer: Pick<Tokenizer, 'encode'>,
): Attempt[] =>
  answers.map(({ text: completion, passages }, at) => {
    const { question, example } = asked[at];
    const { prompt, expected: answer } = question;
    const tokens = tokenizer.encode(completion).length;
    return {
      ...{ prompt, completion, tokens, cut: false, answer },
      ...(passages && { passages }),
      row: example?.columns ?? {},
    };
  });

/**
 * Scorers with their initial settings. Those of a model's likelihood are named only: its loss is measured anyway.
 *
 * @param tokenizer counts the tokens of an answer
 * @param isPrompts whether rows are prompts without an answer: what compares with one is left out then
 */
export function chosenScorers(
  scorers: readonly Scorer[],
  tokenizer: Pick<Tokenizer, 'encode'>,
  { isPrompts, startSandbox }: { readonly isPrompts: boolean; readonly startSandbox?: StartSandbox },
): ChosenScorers {
  const answered = scorers.filter(isAnswerScorer);
  const used = answered.filter((scorer) => !isPrompts || !isComparing(needsOf(scorer)));
  const ofLoss = isPrompts ? [] : scorers.filter(({ of, usual }) => of === 'likelihood' && !usual);
  return {
    names: [...used, ...ofLoss].map(({ name }) => name),
    async score(asked, answers) {
      const rows = answers.map(({ text: answer }, at) => ({ answer, expected: asked[at].question.expected }));
      const attempts = used.every(isTextScorer) ? [] : attemptsOf(asked, answers, tokenizer);
      const columns: [string, readonly (number | null)[]][] = [];
      const failed: { name: string; reason: string }[] = [];
      for (const scorer of used) {
        if (scorer.of === 'answers') {
          columns.push([scorer.name, answerScores(scorer, rows)]);
          continue;
        }
        const { scores, problem } = await scoreAttempts(scorer, attempts, startSandbox);
        columns.push([scorer.name, scores]);
        // A row that it cannot compare has no score; if there is none at all, the reason is said.
        if (problem !== undefined && scores.every((score) => score === null))
          failed.push({ name: scorer.label, reason: `${problem}.` });
      }
      return { scores: Object.fromEntries(columns), failed };
    },
  };
}

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
  tokenizer: Pick<Tokenizer, 'encode'>,
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
      const scored = await rewards.score(attemptsOf(asked, answers, tokenizer));
      return {
        totals: scored.map(({ total }) => total),
        each: rewards.names.map((_, at) => scored.map(({ parts }) => parts[at])),
      };
    },
  };
}
