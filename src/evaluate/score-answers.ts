/** Scorers of an evaluation: those that were chosen, and rewards with their weights. */
import {
  openRewards,
  passMarkOf,
  type OpenOptions,
  type RewardSpec,
  type Rewards,
} from '../scorers/rewards/reward.ts';
import { messageOf } from '../errors.ts';
import { plural } from '../numbers.ts';
import { scorerSpecOf } from '../scorers/chosen.ts';
import { isAnswerScorer, isTextScorer } from '../scorers/lists.ts';
import { scoreAttempts } from '../scorers/score-attempts.ts';
import type { StartSandbox } from '../scorers/sandbox/sandbox.ts';
import { needsOf, isComparing, type Attempt, type AttemptScorer, type Scorer } from '../scorers/scorer.ts';
import { answerScores } from '../scorers/scores.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { AskedQuestion } from './methods/method.ts';
import type { Evidence, FailedPart, UsedScorer } from './record.ts';
import type { ChosenScorers, RewardScorer } from './run-evaluation.ts';

/** The attempts of answered rows. @param tokenizer counts the tokens of an answer */
const attemptsOf = (
  asked: readonly AskedQuestion[],
  answers: readonly Evidence[],
  tokenizer: Pick<Tokenizer, 'encode'>,
): Attempt[] =>
  answers.map(({ text: completion, passages, truncated = false }, at) => {
    const { question, example } = asked[at];
    const { prompt, expected: answer } = question;
    const tokens = tokenizer.encode(completion).length;
    return {
      ...{ prompt, completion, tokens, cut: truncated, answer },
      ...(passages && { passages }),
      row: example?.columns ?? {},
    };
  });

/**
 * Scorers that were chosen. Those of a model's likelihood are named only: its loss is measured anyway.
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
    scorers: [...used, ...ofLoss].map(usedScorer),
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
        const found = await columnOf(scorer, attempts, startSandbox);
        columns.push([scorer.name, found.scores]);
        if (found.failed) failed.push(found.failed);
      }
      return { scores: Object.fromEntries(columns), failed };
    },
  };
}

/** A scorer as a record has it. */
export function usedScorer(scorer: Scorer): UsedScorer {
  const spec = scorerSpecOf(scorer);
  return { name: scorer.name, ...(spec && { scorer: spec }) };
}

/** The scores of attempts, and what to say of those that it failed on. A scorer that cannot be opened takes no other with it. */
export async function columnOf(
  scorer: AttemptScorer,
  attempts: readonly Attempt[],
  startSandbox?: StartSandbox,
): Promise<{ readonly scores: readonly (number | null)[]; readonly failed?: FailedPart }> {
  try {
    const { scores, failed } = await scoreAttempts(scorer, attempts, startSandbox);
    if (!failed) return { scores };
    const { first } = failed;
    if (scores.every((score) => score === null))
      return { scores, failed: { name: scorer.label, reason: `${first}.` } };
    // A row that it cannot compare has no score.
    if (scorer.fallback === undefined) return { scores };
    const count = failed.places.length;
    const name = `${scorer.label} on ${plural(count, 'answer')}`;
    return { scores, failed: { name, reason: `${first}. ${countAs(scorer, count)}.` } };
  } catch (error) {
    return {
      scores: attempts.map(() => null),
      failed: { name: scorer.label, reason: messageOf(error) },
    };
  }
}

/** The answers on which a person's own code fails, in words: “They count as 0”. */
export const countAs = ({ fallback = 0 }: Pick<AttemptScorer, 'fallback'>, count: number): string =>
  count === 1 ? `It counts as ${fallback}` : `They count as ${fallback}`;

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
