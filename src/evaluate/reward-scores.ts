/** What rewards say of the answers to several rows: their mean, how far they are spread, and how many pass. */
import { mean } from '../averages.ts';
import { proportion, type Proportion } from '../proportion.ts';

/** Sums of weighted scores that should be equal may differ in their last bits. */
const ROUNDING = 1e-9;

export interface RewardScores {
  readonly mean: number;
  /** The standard deviation over the rows; 0 for a single one. */
  readonly spread: number;
  /** Answers that pass: those with the most that the rewards can give. */
  readonly passed: Proportion;
}

/**
 * @param rewards of one answer or more, each the weighted sum
 * @param passMark the sum from which an answer passes
 */
export function rewardScores(rewards: readonly number[], passMark: number): RewardScores {
  const middle = mean(rewards);
  const squares = rewards.map((reward) => (reward - middle) ** 2);
  const spread = Math.sqrt(
    squares.reduce((sum, square) => sum + square, 0) / Math.max(1, rewards.length - 1),
  );
  const passed = rewards.filter((reward) => reward >= passMark - ROUNDING).length;
  return { mean: middle, spread, passed: proportion(passed, rewards.length) };
}
