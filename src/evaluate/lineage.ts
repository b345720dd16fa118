/** Successive adapters: what each stage gets right on the test rows of every stage, and what was forgotten in between. */
import { mean } from '../averages.ts';
import { threeDigits } from '../numbers.ts';
import type { LossReport } from './record.ts';
import { compareScores } from './paired.ts';
import { LEVEL } from './chance.ts';

/** What is measured on the test rows of a stage, after what it learned from. */
export type StageMeasure = 'answers' | 'pairs' | 'rewards';

/** The result of the base model or of a stage on the test rows of one stage. */
export interface StageScore {
  /** Answers that are exactly right, or pairs whose chosen answer is preferred; missing if no row has either, and for rewards. */
  readonly right?: number;
  /**
   * Row by row: 1 for an answer or a pair that is right and 0 for another, or the reward of the answer. Missing in reports of earlier versions, and for
   * the reference of pairs, which prefers neither.
   */
  readonly byRow?: readonly number[];
  readonly loss?: LossReport;
}

/** The test rows of one stage. */
export interface StageRow {
  /** The name of the rows. */
  readonly name: string;
  /** The index of the stage that was trained for them. */
  readonly stage: number;
  /** Rows that ask for an answer, or pairs. */
  readonly rows: number;
  /** Missing for answers. */
  readonly measure?: StageMeasure;
  /** The index of the stage that pairs are compared with, −1 for the base model; missing if means over tokens are compared. */
  readonly reference?: number;
  /** The sum of rewards from which an answer passes. */
  readonly passMark?: number;
  /** In reports of earlier versions: its rows are pairs, and only the chosen answers were scored. */
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

/** What the scores of a report of an earlier version do not show of stages that learned from pairs; undefined for every other report. */
export function pairsNote({ stages, rows }: LineageReport): string | undefined {
  const names = new Set(rows.filter(({ pairs }) => pairs).map(({ stage }) => stages[stage]));
  if (names.size === 0) return undefined;
  return `${[...names].map((name) => `“${name}”`).join(', ')} learned which of two answers is better, and only chosen answers were scored. Measure again for the share of pairs that each stage has in order.`;
}

/** The measure of a test in words, with its unit. */
export function measureInWords(
  { measure = 'answers', reference }: Pick<StageRow, 'measure' | 'reference'>,
  stages: readonly string[],
): string {
  if (measure === 'rewards') return 'mean reward';
  if (measure === 'answers') return 'answers exactly right';
  if (reference === undefined) return 'preference accuracy, by mean log-probability';
  return `preference accuracy, against ${reference < 0 ? 'the base model' : `“${stages[reference]}”`}`;
}

/** Whether a stage, or the base model at −1, is what the pairs of a test are compared with: it prefers neither answer. */
export const isReference = (
  { measure, reference }: Pick<StageRow, 'measure' | 'reference'>,
  at: number,
): boolean => measure === 'pairs' && reference === at;

/** The value of a score: a share from 0 to 1, or a mean reward; undefined if nothing was measured. */
export function scoreValue(
  { measure, rows }: Pick<StageRow, 'measure' | 'rows'>,
  { right, byRow }: StageScore,
): number | undefined {
  if (measure === 'rewards') return byRow && byRow.length > 0 ? mean(byRow) : undefined;
  return right === undefined || rows === 0 ? undefined : right / rows;
}

interface Forgotten {
  /** Answers or pairs that were right at the best since the own stage, and no longer are. */
  readonly right?: number;
  /** By how much the mean reward fell since its highest. */
  readonly reward?: number;
  /** How often chance alone would do as much to equally good stages (exact test, row by row); missing in reports of earlier versions. */
  readonly p?: number;
  /** The growth of the loss since its lowest value, in nats. Of pairs it is not counted: the chosen answer may become less likely than it was, and more so than the other. */
  readonly loss?: number;
}

/**
 * What a stage has lost on rows of an earlier stage, against the best result since that stage.
 *
 * @param at place of the stage
 * @returns undefined before the own stage, and at it
 * @throws RangeError if stages were scored on different numbers of rows
 */
export function forgottenAt(row: Omit<StageRow, 'name'>, at: number): Forgotten | undefined {
  const { stage, scores, measure } = row;
  if (at <= stage) return undefined;
  const now = scores[at];
  const since = scores.slice(stage, at);
  const value = scoreValue(row, now);
  const known = since.filter((score) => scoreValue(row, score) !== undefined);
  const losses = since.flatMap(({ loss }) => loss?.loss ?? []);
  const grown = now.loss && losses.length > 0 && measure !== 'pairs' && now.loss.loss - Math.min(...losses);
  const loss = grown === undefined || grown === false ? {} : { loss: grown };
  if (value === undefined || known.length === 0) return loss;
  const best = known.reduce((top, score) => (scoreValue(row, score)! > scoreValue(row, top)! ? score : top));
  const leads = best.byRow && now.byRow && compareScores(now.byRow, best.byRow);
  return {
    ...(measure === 'rewards'
      ? { reward: scoreValue(row, best)! - value }
      : { right: best.right! - now.right! }),
    // The mean may fall against most rows: the test speaks only if most fell.
    ...(leads && { p: leads.first < leads.second ? leads.p : 1 }),
    ...loss,
  };
}

/** A loss that grew by less is called the same. */
const NOTICEABLE = 0.02;

interface Fall {
  /** “12 answers”, “3 pairs (may be chance)”, “0.2 of the mean reward”, “loss +0.05”; '' if nothing was lost. */
  readonly words: string;
  /** Whether it counts as forgotten: it is hardly chance. */
  readonly forgot: boolean;
}

/** What was lost, in words. @param forgotten of {@link forgottenAt} */
export function fallInWords({ measure }: Pick<StageRow, 'measure'>, forgotten: Forgotten): Fall {
  const { right = 0, reward = 0, p = 0, loss = 0 } = forgotten;
  const chance = p >= LEVEL ? ', may be chance' : '';
  const forgot = p < LEVEL;
  if (right > 0) {
    const what = measure === 'pairs' ? 'pair' : 'answer';
    return { words: `${right} ${what}${right === 1 ? '' : 's'}${chance}`, forgot };
  }
  if (reward > 0) return { words: `${threeDigits(reward)} of the mean reward${chance}`, forgot };
  if (right === 0 && reward === 0 && loss > NOTICEABLE)
    return { words: `loss +${loss.toFixed(2)}`, forgot: true };
  return { words: '', forgot: false };
}
