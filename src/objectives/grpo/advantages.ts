/** From rewards to the weight of a token in each answer. */

/** Prevents small differences of rewards in a group from being magnified. */
const MIN_SPREAD = 1e-4;

/** The divisor of differences of rewards. */
export type ScaleRewards = 'group' | 'batch' | 'none';

export interface Group {
  readonly rewards: readonly number[];
  readonly mean: number;
  /** Standard deviation with n − 1. */
  readonly spread: number;
}

/** The rewards of one prompt's answers, with their mean and their standard deviation with n − 1. */
export function groupOf(rewards: readonly number[]): Group {
  return { rewards, ...spreadOf(rewards) };
}

/** Mean, and standard deviation with n − 1; equal numbers have a spread of exactly 0. */
export function spreadOf(values: readonly number[]): { readonly mean: number; readonly spread: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.every((value) => value === values[0])) return { mean: values[0], spread: 0 };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: Math.sqrt(squares / (values.length - 1)) };
}

/**
 * How much better each answer is than the mean of its group (Shao and others, 2024): in standard deviations of the group or of all answers, or, for
 * `none`, in units of the reward, as Dr. GRPO has it (Liu and others, 2025).
 *
 * @returns for each group the advantages of its answers, in order
 */
export function advantagesOf(groups: readonly Group[], scale: ScaleRewards): number[][] {
  const all = spreadOf(groups.flatMap(({ rewards }) => rewards)).spread;
  return groups.map(({ rewards, mean, spread }) => {
    const by = scale === 'none' ? 1 : (scale === 'batch' ? all : spread) + MIN_SPREAD;
    return rewards.map((reward) => (reward - mean) / by);
  });
}

export type LossType = 'grpo' | 'dapo' | 'dr_grpo' | 'bnpo';

interface TokenWeights {
  /** The weight of a token in each sequence, by micro-batch. */
  readonly weights: readonly (readonly number[])[];
  /** The divisor of the sum over all micro-batches. */
  readonly count: number;
}

/**
 * Every loss type as a weighted sum over tokens, divided by one number for the whole step, as TRL has them: `dapo` is of Yu and others, 2025,
 * `dr_grpo` of Liu and others, 2025.
 *
 * @param lengths tokens of each sequence, by micro-batch; 0 for one that is left out
 */
export function tokenWeights(
  lossType: LossType,
  lengths: readonly (readonly number[])[],
  maxCompletionLength: number,
): TokenWeights {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const sequences = sum(lengths.map(({ length }) => length));
  const each = (weight: (length: number, batch: readonly number[]) => number): number[][] =>
    lengths.map((batch) => batch.map((length) => (length === 0 ? 0 : weight(length, batch))));
  switch (lossType) {
    case 'grpo':
      return { weights: each((length) => 1 / length), count: sequences };
    case 'dr_grpo':
      return { weights: each(() => 1 / maxCompletionLength), count: sequences };
    case 'bnpo':
      return { weights: each((_, batch) => 1 / sum(batch)), count: lengths.length };
    case 'dapo':
      return { weights: each(() => 1), count: Math.max(1, sum(lengths.map(sum))) };
  }
}
