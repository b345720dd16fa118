/** What a method costs: tokens before each answer and in it, the window that its prompts fill, and time. */
import { mean } from '../averages.ts';
import type { Evaluation } from './record.ts';
import { sideOf, type Side } from './sides.ts';

export interface Cost {
  /** Tokens of a prompt on average; missing for a rule, and in results of earlier versions. */
  readonly promptTokens?: number;
  /** The share of the model's window that the longest prompt fills. */
  readonly window?: number;
  /** Tokens of an answer on average. */
  readonly tokens?: number;
  /** The time of an answer on average, if several are answered at once. */
  readonly seconds?: number;
}

/** What an answer of a subject costs on average: tokens, seconds, share of the window. */
export function costOf({ record, at, subject, answers }: Side): Cost {
  const { meanPromptTokens, promptTokens, window } = subject.detail ?? {};
  const tokens = record.evidence.flatMap((row) => row[at]?.tokens ?? []);
  const took = record.evidence.flatMap((row) => row[at]?.took ?? []);
  // An answer that was known already costs what it cost when it was made. A rule has only the time of all rows.
  const seconds =
    answers.length === 0
      ? undefined
      : took.length === answers.length
        ? mean(took)
        : subject.answerSeconds !== undefined
          ? subject.answerSeconds / answers.length
          : undefined;
  return {
    ...(meanPromptTokens !== undefined && { promptTokens: meanPromptTokens }),
    ...(promptTokens !== undefined && window !== undefined && { window: promptTokens / window }),
    ...(tokens.length > 0 && { tokens: mean(tokens) }),
    ...(seconds !== undefined && { seconds }),
  };
}

/** What one row costs over all methods, in seconds, however many answers were known already; undefined if that was not measured. */
export function secondsPerRow(record: Evaluation): number | undefined {
  const { items, made, subjects } = record;
  if (items.length === 0 || made.seconds === undefined) return undefined;
  const answers = subjects.reduce((sum, _, at) => sum + (costOf(sideOf(record, at)).seconds ?? 0), 0);
  return Math.max(answers, made.seconds / items.length);
}
