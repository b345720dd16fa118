/** Rows by who is right on them, and answers by the label that was wanted and the one that was given. */
import type { Side } from '../../evaluate/sides.ts';

/** Who is right on a row: both, only the one that is looked at, only the other, or neither. */
export type OutcomePart = 'both' | 'only-this' | 'only-other' | 'neither';
export const OUTCOME_PARTS: readonly OutcomePart[] = ['both', 'only-this', 'only-other', 'neither'];

/** @param name the one that is looked at */
export const outcomeWords = (name: string, other = ''): Readonly<Record<OutcomePart, string>> => ({
  both: 'both right',
  'only-this': `only ${name}`,
  'only-other': `only ${other}`,
  neither: 'neither',
});

/** The part of each row that both answered. */
export function outcomesOf(side: Side, other: Side): OutcomePart[] {
  const [these = [], others = []] = [side.right, other.right];
  return these.slice(0, others.length).map((right, at) => {
    if (right) return others[at] ? 'both' : 'only-this';
    return others[at] ? 'only-other' : 'neither';
  });
}

/** A larger table shows less than a list. */
const MAX_LABELS = 20;
/** The name of the column of answers that are none of the labels. */
export const WITHOUT_LABEL = 'no label';

export interface Confusion {
  readonly labels: readonly string[];
  /** The labels, and {@link WITHOUT_LABEL} if an answer is none. */
  readonly answers: readonly string[];
  /** By wanted label and answer: how many rows. */
  readonly counts: readonly (readonly number[])[];
}

/** The answer as a column: a label, or {@link WITHOUT_LABEL}. */
export const labelColumn = (answer: string, labels: readonly string[]): string =>
  labels.includes(answer.trim()) ? answer.trim() : WITHOUT_LABEL;

/** Which label is taken for which; undefined if answers are no labels, or there are too many. */
export function confusionOf({ record, answers }: Side): Confusion | undefined {
  const rows = record.items.slice(0, answers.length).map(({ expected }) => expected.trim());
  const labels = [...new Set(rows)].sort((a, b) => (a < b ? -1 : 1));
  if (!record.made.draw?.labels || labels.length < 2 || labels.length > MAX_LABELS) return undefined;
  const columns = answers.map((answer) => labelColumn(answer, labels));
  const all = columns.includes(WITHOUT_LABEL) ? [...labels, WITHOUT_LABEL] : labels;
  return {
    labels,
    answers: all,
    counts: labels.map((label) =>
      all.map((column) => rows.filter((wanted, at) => wanted === label && columns[at] === column).length),
    ),
  };
}
