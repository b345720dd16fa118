/**
 * Folds of a cross-validation (Stone 1974): each row is tested in one fold, and trained on in the others. Page and command deal the same rows to the same
 * folds.
 */
import { GraftError } from '../errors.ts';
import type { List } from '../lists.ts';
import { drawingOf, drawingOfRows, rowIdentity } from './divide.ts';
import { splitFairly, type SplitRow } from './fair-split.ts';
import { questionsOfRows } from './questions.ts';
import type { FairSplit } from './parts.ts';
import {
  entryWith,
  isTextDocument,
  isUsedEntry,
  type Entry,
  type RowSet,
  type UsedEntry,
} from './row-set.ts';

export const MIN_FOLDS = 2;

/** The fold of each row, from 0. Equal rows and the rows of a group share one. @throws GraftError `split` for a fold without rows */
export const foldsOf = (rows: List<SplitRow>, folds: number, seed: number): number[] =>
  splitFairly(
    rows,
    Array.from({ length: folds }, () => 1 / folds),
    seed,
  );

/** The rows that are dealt to folds, in the order of their files, and the fold of each. The test part is not among them. */
export interface Folds {
  readonly count: number;
  readonly places: readonly UsedEntry[];
  readonly of: readonly number[];
}

/** Deals training and validation rows to folds, by the seed of the split. @throws GraftError `folds-rows`, `split`, `data-column` */
export function dealFolds(data: RowSet, count: number): Folds {
  const { options } = data;
  const places = data.places.filter(({ part }) => part !== 'test');
  if (!options || options.mixture || places.some(isPart))
    throw new GraftError(
      'folds-rows',
      `${data.name} cannot be cross-validated: ${options?.mixture ? 'its rows belong to several tasks' : 'its rows are not single examples'}.`,
      'Open the examples of one task under Data.',
    );
  const of = foldsOf(drawnFolds(options.fair ?? {}, places), count, options.seed);
  return { count, places, of };
}

/**
 * The rows of one fold: its own are the test part, and all others are trained on. Nothing is held out for validation, so that a run has as many rows
 * as it can.
 *
 * @param chatTemplate of the model, which questions are written for
 */
export function rowsOfFold<Rows extends RowSet>(
  data: Rows,
  { places: dealt, of }: Folds,
  fold: number,
  chatTemplate: string | undefined,
): Rows {
  const places = dealt
    .map((place, at) => entryWith(place, { part: of[at] === fold ? 'test' : 'train' }))
    .filter(isUsedEntry);
  const test = places.filter(({ part }) => part === 'test');
  return {
    ...data,
    ...{ entries: places, places, repeated: new Map(), leaked: new Map() },
    questions: questionsOfRows(test, chatTemplate ?? false),
  };
}

/** Whether an entry is no single example. */
const isPart = (entry: Entry): boolean =>
  !entry.large && (entry.example === undefined || isTextDocument(entry.example));

/** What is known of rows that are dealt to folds; those of large files are read once for each column. */
function drawnFolds(fair: FairSplit, places: readonly UsedEntry[]): List<SplitRow> {
  if (!places.some(({ large }) => large)) {
    const drawn = drawingOf(fair, places);
    return places.map(({ example }) => drawn(example!));
  }
  const drawn = drawingOfRows(fair, places.length, (at) => places[at].example!);
  return {
    length: places.length,
    at: (at) => (at in places ? { ...drawn(at), identity: rowIdentity(places[at]) } : undefined),
  };
}

/** The places among all dealt rows of those that a fold tests, in its order. */
export const placesOfFold = ({ of }: Pick<Folds, 'of'>, fold: number): number[] =>
  of.flatMap((one, at) => (one === fold ? [at] : []));
