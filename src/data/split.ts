/** Training, validation and test parts: by a seeded shuffle, so that the same seed keeps the same rows apart. */
import { GraftError } from '../errors.ts';
import { everyPlace } from '../lists.ts';
import { Random } from '../random.ts';

/** The fractions that are held out if a person chooses none, on the page and in a check. */
export const USUAL_SPLIT = { validation: 0.1, test: 0.1 } as const;

export interface SplitOptions {
  /** Fractions of all rows, 0 or more, together below 1. A fraction above 0 gets at least one row, if there are enough. */
  validation: number;
  test: number;
  seed: number;
}

/** Indices of rows, each part in ascending order: the order of training is the trainer's. */
interface Split {
  train: number[];
  validation: number[];
  test: number[];
}

/** Throws `split` for fractions that leave nothing to train on. Training keeps at least one row of any that there are. */
export function splitExamples(n: number, { validation, test, seed }: SplitOptions): Split {
  if (!(validation >= 0 && test >= 0 && validation + test < 1)) {
    throw new GraftError(
      'split',
      `Validation ${validation} and test ${test} leave nothing to train on.`,
      'Choose fractions of 0 or more that are together below 1.',
    );
  }
  // A list of bare numbers sorts a million of them ten times as fast.
  const order = new Random(seed).shuffle(everyPlace(n));
  const counts = countParts(n, { validation, test });
  const part = (start: number, end: number): number[] => Array.from(order.slice(start, end).sort());
  return {
    validation: part(0, counts.validation),
    test: part(counts.validation, counts.validation + counts.test),
    train: part(counts.validation + counts.test, n),
  };
}

/** How many rows of `n` each part gets. @param fractions as of a split that is possible */
export function countParts(
  n: number,
  fractions: Pick<SplitOptions, 'validation' | 'test'>,
): Readonly<Record<keyof Split, number>> {
  const share = (fraction: number, room: number): number =>
    fraction > 0 ? Math.min(Math.max(1, Math.round(n * fraction)), room) : 0;
  const validation = share(fractions.validation, Math.max(0, n - 1));
  const test = share(fractions.test, Math.max(0, n - 1 - validation));
  return { train: n - validation - test, validation, test };
}
