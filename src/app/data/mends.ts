/** Remedies in one press: each is another way to read the same rows, so that it can be undone. */
import { withAllSkipped } from '../../data/skip-list.ts';
import type { DataOptions, DataSummary, PlacedFinding } from '../../worker/api.ts';
import { count, plural } from '../../numbers.ts';

/** A change of how rows are read. */
export interface Mend {
  /** On its button. */
  readonly words: string;
  /** The announcement once it is done. */
  readonly done: string;
  readonly options: DataOptions;
}

export const them = (rows: number): string => (rows === 1 ? 'it' : 'them');

export function dropCopies(rows: number, options: DataOptions): Mend {
  return {
    words: rows === 1 ? 'Leave the copy out' : `Leave the ${count(rows)} copies out`,
    done: `${plural(rows, 'copy is', 'copies are')} left out.`,
    options: { ...options, dropCopies: true },
  };
}

/** Leaves the rows of a finding out, if something is left to train on. */
export function leaveOut(
  { used, trained, lines }: PlacedFinding,
  { rows }: Pick<DataSummary, 'rows'>,
  options: DataOptions,
): Mend[] {
  if (used === 0 || trained >= rows.train) return [];
  return [
    {
      words: used === 1 ? 'Leave the row out' : `Leave the ${count(used)} rows out`,
      done: `${plural(used, 'row is', 'rows are')} left out.`,
      options: { ...options, skip: withAllSkipped(options.skip, lines) },
    },
  ];
}

/** @param longest tokens of the longest row that is too long */
export function raiseLimit(longest: number, options: DataOptions, maxPositions: number | undefined): Mend[] {
  const limit = Math.min(longest, maxPositions ?? longest);
  if (limit <= options.maxLength) return [];
  return [
    {
      words: `Raise the maximum length to ${count(limit)}`,
      done: `The maximum length is ${count(limit)} tokens.`,
      options: { ...options, maxLength: limit },
    },
  ];
}

export function cutPrompt(options: DataOptions): Mend[] {
  if (options.overlong !== 'truncate-end') return [];
  return [
    {
      words: 'Truncate the prompt instead',
      done: 'Rows that are too long have their prompt truncated.',
      options: { ...options, overlong: 'truncate-prompt' },
    },
  ];
}

export function leaveLongOut(options: DataOptions): Mend {
  return {
    words: 'Leave long rows out',
    done: 'Rows that are too long are left out.',
    options: { ...options, overlong: 'drop' },
  };
}

export function truncate(options: DataOptions): Mend {
  return {
    words: 'Truncate at the maximum length',
    done: `Rows are truncated at ${count(options.maxLength)} tokens.`,
    options: { ...options, overlong: 'truncate-end' },
  };
}

/** Test rows of which the verdict says a little. */
const ENOUGH_TEST_ROWS = 20;
/** The largest share that is suggested, as sizes are proposed under Split: fewer rows are better cross-validated. */
const MAX_HELD = 0.2;

/** Holds out enough rows for a test, if there are. */
export function holdOutMore({ rows, files }: DataSummary, options: DataOptions): Mend[] {
  if (options.mixture || files.at(1) !== undefined) return [];
  const all = rows.train + rows.validation + rows.test;
  const share = Math.ceil((100 * ENOUGH_TEST_ROWS) / all) / 100;
  if (share > MAX_HELD || share <= options.test) return [];
  return [
    {
      words: `Hold out ${Math.round(100 * share)}% for the test`,
      done: `${Math.round(100 * share)}% of the rows are held out for the test.`,
      options: { ...options, test: share },
    },
  ];
}
