/** Learning-rate schedules, equal to transformers' get_scheduler. */

type Schedule = 'constant' | 'linear' | 'cosine';
export const schedules: readonly Schedule[] = ['constant', 'linear', 'cosine'];

export interface ScheduleOptions {
  readonly schedule: Schedule;
  /** The peak rate. */
  readonly lr: number;
  /** Steps over which the rate rises linearly from 0. */
  readonly warmup: number;
  /** Steps of the run. */
  readonly steps: number;
}

/**
 * The rate of a step.
 *
 * @param step counts from 0: with warm-up the first step has rate 0
 */
export function learningRate(step: number, { schedule, lr, warmup, steps }: ScheduleOptions): number {
  if (step < warmup) return (lr * step) / Math.max(1, warmup);
  const rest = Math.max(1, steps - warmup);
  switch (schedule) {
    case 'constant':
      return lr;
    case 'linear':
      return lr * Math.max(0, (steps - step) / rest);
    case 'cosine':
      return lr * Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / rest)));
  }
}
