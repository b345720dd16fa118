/** Opens scorers, so that they score attempts one by one. */
import { within } from './parts/within.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import {
  rowScore,
  referenceAnswer,
  type AnswerScorer,
  type Attempt,
  type OpenScorer,
  type ScoringOutcome,
  type ScorerValues,
  type TextScorer,
} from './scorer.ts';

/** The largest score: sums of scores must stay in the range of f32. */
const MAX_SCORE = 1e6;

/**
 * @param where the file or setting that names it, for messages
 * @throws GraftError `reward-code` for a person's own code that cannot run
 */
export const openScorer = (
  scorer: AnswerScorer,
  values: ScorerValues,
  where: string,
  sandbox: Sandbox,
): OpenScorer | Promise<OpenScorer> =>
  scorer.of === 'answers' ? openText(scorer, values) : scorer.open(values, where, sandbox);

/** Compares the answer, or what stands within a tag of it. An answer without the tag gets 0. */
const openText = (scorer: TextScorer, { within: tag = '' }: ScorerValues): OpenScorer => ({
  score(attempt: Attempt) {
    const wanted = referenceAnswer(attempt);
    const given = within(attempt.completion, String(tag));
    if (given === undefined) return 0;
    const score = rowScore(scorer, given, wanted);
    if (score === undefined) throw new Error('the reference has nothing that it could compare');
    return score;
  },
});

/** The score of an outcome. @throws Error if it is no number that can be used */
export function scoreIn(outcome: ScoringOutcome): number {
  const score = typeof outcome === 'number' ? outcome : outcome.score;
  if (!Number.isFinite(score)) throw new Error(`it gives ${score} instead of a number`);
  if (Math.abs(score) > MAX_SCORE) throw new Error(`it gives ${score}, more than ${MAX_SCORE}`);
  return score;
}
