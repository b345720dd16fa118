/**
 * A mixture: several data sets in one run, each of them a task. How often rows of a task are drawn follows from how many it has to train on
 * (proportional, equal, or by a temperature, as Raffel and others mixed tasks for T5, 2020), or is given.
 */
import { GraftError } from '../errors.ts';
import { Random } from '../random.ts';
import type { Task, TokenRow } from '../text/trainable.ts';

/** How shares follow from numbers of rows; `given` if each task has its own. */
export const MIXES = ['proportional', 'equal', 'temperature'] as const;
export type Mix = (typeof MIXES)[number];

/** The default temperature of a mixture: as in multilingual BERT and T5, between proportional (1) and equal (∞). */
export const USUAL_TEMPERATURE = 2;

export interface MixtureTask {
  readonly name: string;
  /** Index of its file in the list of files (`data/parts.ts`). */
  readonly file: number;
  /** How often its rows are drawn, in any unit; only in a mixture whose shares are given. */
  readonly share?: number;
  /** Whether all of its rows are trained on, and none is held out. */
  readonly whole?: boolean;
}

export interface Mixture {
  /** The first is that of the rows, and of test rows of their own; rows of a file that no task names belong to it, too. */
  readonly tasks: readonly MixtureTask[];
  readonly mix: Mix | 'given';
  readonly temperature?: number;
  /** The most rows that a task trains on; the seed of the split chooses them. */
  readonly cap?: number;
}

/** The index of the task that a file's rows belong to. */
export function taskOfFile({ tasks }: Mixture, file: number): number {
  return Math.max(
    0,
    tasks.findIndex((task) => task.file === file),
  );
}

/**
 * The tasks with their shares, which together are 1.
 *
 * @param rows that each task trains on
 * @throws GraftError `data-rows` for a task without a row to train on
 */
export function tasksOf(
  { tasks, mix, temperature = USUAL_TEMPERATURE }: Mixture,
  rows: readonly number[],
): Task[] {
  const empty = tasks.find((_, at) => rows[at] === 0);
  if (empty)
    throw new GraftError(
      'data-rows',
      `The task ${empty.name} has no row to train on.`,
      'Bring rows back, hold fewer of them out, or leave the task away.',
    );
  const weights = tasks.map(({ share = 1 }, at) =>
    mix === 'given'
      ? share
      : mix === 'equal'
        ? 1
        : mix === 'temperature'
          ? rows[at] ** (1 / temperature)
          : rows[at],
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return tasks.map(({ name }, at) => ({ name, share: weights[at] / sum }));
}

/** Which rows a task trains on: all, or as many as the cap allows. @returns indices in ascending order */
export function capped(rows: readonly number[], { cap }: Mixture, seed: number): readonly number[] {
  if (cap === undefined || rows.length <= cap) return rows;
  return new Random(seed)
    .shuffle([...rows])
    .slice(0, cap)
    .sort((a, b) => a - b);
}

/**
 * Whether a row of a mixture counts as desirable next to judged answers: it is a single answer without a label. So judged answers are learned together with
 * rows of a task.
 */
export const countsAsDesirable = ({ desirable, starts }: Pick<TokenRow, 'desirable' | 'starts'>): boolean =>
  desirable === undefined && !starts;
