/** What is asked of every pair and every judged answer before a run on them, in a byte and two hashes: for files of which not every row is held. */
import type { Pair } from '../text/trainable.ts';
import type { Example } from './example.ts';
import { isAlike, lintPreferences, type LintedRow, type PreferenceLint } from './preference-lint.ts';
import { FirstRows, hashesOfFlipped, type Hashes } from './row-hashes.ts';

/** `alike` is a pair whose answers differ only in spaces. */
const MARKS = ['none', 'pair', 'alike', 'desirable', 'undesirable'] as const;
type Mark = (typeof MARKS)[number];

export interface PreferenceMarks {
  readonly mark: Mark;
  /** The hashes of the pair that prefers what this pair rejects; missing for a vote. */
  readonly flipped?: Hashes;
}

const NONE: PreferenceMarks = { mark: 'none' };
const DESIRABLE: PreferenceMarks = { mark: 'desirable' };
const UNDESIRABLE: PreferenceMarks = { mark: 'undesirable' };

/** What is asked of one example; `none` for one that is neither a pair nor judged. */
export function marksOf(example: Example): PreferenceMarks {
  if (example.kind === 'unpaired') return example.desirable ? DESIRABLE : UNDESIRABLE;
  if (example.kind !== 'pair') return NONE;
  const pair: Pair = example;
  return { mark: isAlike(pair) ? 'alike' : 'pair', flipped: hashesOfFlipped(pair) };
}

export const markNumber = (mark: Mark): number => MARKS.indexOf(mark);
export const markOfNumber = (number: number): Mark => MARKS[number];

/** Rows of a run that are made as they are taken. */
interface MarkedRows {
  readonly length: number;
  isTrained(row: number): boolean;
  marksOf(row: number): PreferenceMarks;
  hashesOf(row: number): Hashes;
}

/**
 * As `lintPreferences`, with places among the trained rows.
 *
 * @param readSome reads some trained rows, whose tokens are counted
 */
export function lintMarked(
  rows: MarkedRows,
  readSome: () => readonly LintedRow[],
): PreferenceLint | undefined {
  const counts: Record<Mark, number> = { none: 0, pair: 0, alike: 0, desirable: 0, undesirable: 0 };
  const alike: number[] = [];
  const flipped: number[] = [];
  const earlier = new FirstRows(rows.length, rows.hashesOf);
  let trained = 0;
  for (let row = 0; row < rows.length; row++) {
    if (!rows.isTrained(row)) continue;
    const { mark, flipped: other } = rows.marksOf(row);
    counts[mark]++;
    if (mark === 'alike') alike.push(trained);
    else if (other && earlier.find(other) !== undefined) flipped.push(trained);
    if (other) earlier.add(row);
    trained++;
  }
  if (counts.none === trained) return undefined;
  const some = readSome();
  return {
    ...lintPreferences(some)!,
    pairs: counts.pair + counts.alike,
    desirable: counts.desirable,
    undesirable: counts.undesirable,
    ...{ alike, flipped },
    ...(some.length < trained && { looked: some.length }),
  };
}
