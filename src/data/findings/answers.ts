/** Answers that cannot be learned from. */
import { wholeNumbers } from '../number-column.ts';
import type { Checked, RuleAtWork } from './finding.ts';
import { answerOf } from '../unwritable.ts';

export function findFaults({ rows }: Checked): RuleAtWork {
  const empty: number[] = [];
  const roles: number[] = [];
  const other: number[] = [];
  const lost = (found: readonly number[]): object =>
    found.length === rows.length ? { severity: 'error' } : {};
  return {
    see({ row, example, fault }) {
      if (example) return;
      if (fault === 'empty-answer') empty.push(row);
      else if (fault === 'unknown-role') roles.push(row);
      else if (fault === undefined) other.push(row);
    },
    found: () => [
      { id: 'empty-answers', rows: empty, ...lost(empty) },
      { id: 'unknown-role', rows: roles, ...lost(roles) },
      { id: 'unreadable-rows', rows: other, ...lost(other) },
    ],
  };
}

/** Rows of answers, of which a very long one is more than so many times the median, and longer than so many characters. */
const LONG_RATIO = 10;
const LONG_CHARS = 1000;
const MIN_ANSWERS = 10;

export function findLongAnswers(): RuleAtWork {
  const rows = wholeNumbers();
  const lengths = wholeNumbers();
  return {
    see({ row, example }) {
      if (!example || example.kind === 'text') return;
      const { length } = answerOf(example);
      if (length === 0) return;
      rows.push(row);
      lengths.push(length);
    },
    found() {
      if (rows.length < MIN_ANSWERS) return [];
      const median = lengths.all.slice().sort()[rows.length >> 1];
      const isLong = (chars: number): boolean => chars >= LONG_CHARS && chars > LONG_RATIO * median;
      return [
        {
          id: 'very-long-answers',
          rows: Array.from(rows.all.filter((_, at) => isLong(lengths.at(at)))),
          detail: `The median answer has ${median} characters.`,
        },
      ];
    },
  };
}
