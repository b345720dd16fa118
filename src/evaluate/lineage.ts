/** Successive adapters: what each stage gets right on the test rows of every stage, and what was forgotten in between. */
import type { LossReport } from './comparison.ts';

/** The result of the base model or of a stage on the test rows of one stage. */
export interface StageScore {
  /** Answers that are exactly right; missing where no row asks for an answer. */
  readonly right?: number;
  readonly loss?: LossReport;
}

/** The test rows of one stage. */
export interface StageRow {
  /** The name of the rows. */
  readonly name: string;
  /** The index of the stage that was trained for them. */
  readonly stage: number;
  /** Rows that ask for an answer. */
  readonly rows: number;
  /** Whether its rows are pairs of answers: then only the chosen answers are scored. */
  readonly pairs?: true;
  readonly base: StageScore;
  /** By stage, in order. */
  readonly scores: readonly StageScore[];
}

export interface LineageReport {
  /** Names of the adapters, the first one first. */
  readonly stages: readonly string[];
  readonly rows: readonly StageRow[];
}

/** What the scores of stages that learned from pairs do not show; undefined without such a stage. */
export function pairsNote({ stages, rows }: LineageReport): string | undefined {
  const names = new Set(rows.filter(({ pairs }) => pairs).map(({ stage }) => stages[stage]));
  if (names.size === 0) return undefined;
  return `${[...names].map((name) => `“${name}”`).join(', ')} learned which of two answers is better. Here only the chosen answers of its rows are scored, and their perplexity may rise while the preference is learned. How many pairs are in order is part of its run.`;
}

export interface Forgotten {
  /** Answers that were right at the best since the own stage, and no longer are. */
  readonly right?: number;
  /** The growth of the loss since its lowest value, in nats. */
  readonly loss?: number;
}

/**
 * What a stage has lost on rows of an earlier stage, against the best result since that stage.
 *
 * @param at place of the stage
 * @returns undefined before the own stage, and at it
 */
export function forgottenAt({ stage, scores }: Omit<StageRow, 'name'>, at: number): Forgotten | undefined {
  if (at <= stage) return undefined;
  const since = scores.slice(stage, at);
  const now = scores[at];
  const rights = since.flatMap(({ right }) => right ?? []);
  const losses = since.flatMap(({ loss }) => loss?.loss ?? []);
  return {
    ...(now.right !== undefined && rights.length > 0 && { right: Math.max(...rights) - now.right }),
    ...(now.loss && losses.length > 0 && { loss: now.loss.loss - Math.min(...losses) }),
  };
}
