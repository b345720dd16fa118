/** Sizes of the parts of a split, from what a verdict on the test part can show. */
import { plural } from '../numbers.ts';
import { pointsSeen, rowsNeeded } from './rows-needed.ts';

export interface ProposedPart {
  readonly name: string;
  readonly share: number;
}

/** The difference, as a share of right answers, that the proposed test part shows; the most of the rows that it takes; the validation part. */
const SHOWN_DIFFERENCE = 0.1;
const MAX_TEST = 0.2;
const VALIDATION = 0.1;
const MAX_VALIDATION = 500;

/** A test part that shows a difference of ten points, if the rows allow it, and a tenth for validation. */
export function proposeParts(rows: number): {
  readonly parts: readonly ProposedPart[];
  readonly why: string;
  /** Whether the test part shows that difference. */
  readonly isEnough: boolean;
} {
  const needed = rowsNeeded(SHOWN_DIFFERENCE)!;
  const isEnough = needed <= MAX_TEST * rows;
  const test = isEnough ? needed : Math.max(1, Math.round(MAX_TEST * rows));
  const validation = Math.max(1, Math.min(MAX_VALIDATION, Math.round(VALIDATION * rows)));
  const shareOf = (count: number): number => count / rows;
  const points = SHOWN_DIFFERENCE * 100;
  const why = isEnough
    ? `${needed} test rows can show a difference of ${points} points four times of five (exact McNemar test, p < 0.05).`
    : `A difference of ${points} points needs ${needed} test rows; the test part takes ${MAX_TEST * 100}% of the rows. ${seenInWords([test])}`;
  return {
    parts: [
      { name: 'train', share: 1 - shareOf(test) - shareOf(validation) },
      { name: 'validation', share: shareOf(validation) },
      { name: 'test', share: shareOf(test) },
    ],
    why,
    isEnough,
  };
}

/** What the smallest of these test parts shows. */
export function seenInWords(tests: readonly number[]): string {
  if (tests.length === 0) return 'No part is called test.';
  const rows = Math.min(...tests);
  const points = pointsSeen(rows);
  return points === undefined
    ? `${plural(rows, 'test row')} can show no difference reliably.`
    : `${plural(rows, 'test row')} can show a difference of ${points} points or more four times of five (exact McNemar test, p < 0.05).`;
}
