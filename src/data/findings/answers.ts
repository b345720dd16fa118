/** Answers that cannot be learned from. */
import type { Checked, Found } from './finding.ts';
import { answerOf, readRowTexts } from './texts.ts';

export function findFaults({ rows }: Checked): Found[] {
  const of = (fault: string | undefined): number[] =>
    rows.flatMap((row) => (!row.example && row.fault === fault ? [row.row] : []));
  const lost = (found: readonly number[]): object =>
    found.length === rows.length ? { severity: 'error' } : {};
  const [empty, roles, other] = [of('empty-answer'), of('unknown-role'), of(undefined)];
  return [
    { id: 'empty-answers', rows: empty, ...lost(empty) },
    { id: 'unknown-role', rows: roles, ...lost(roles) },
    { id: 'unreadable-rows', rows: other, ...lost(other) },
  ];
}

/** Rows of answers, of which a very long one is more than so many times the median, and longer than so many characters. */
const LONG_RATIO = 10;
const LONG_CHARS = 1000;
const MIN_ANSWERS = 10;

export function findLongAnswers({ rows }: Checked): Found[] {
  const lengths = readRowTexts(rows)
    .filter(({ example }) => example.kind !== 'text')
    .map(({ row, example }) => ({ row, chars: answerOf(example).length }))
    .filter(({ chars }) => chars > 0);
  if (lengths.length < MIN_ANSWERS) return [];
  const median = lengths.map(({ chars }) => chars).sort((a, b) => a - b)[lengths.length >> 1];
  const long = lengths.filter(({ chars }) => chars >= LONG_CHARS && chars > LONG_RATIO * median);
  return [
    {
      id: 'very-long-answers',
      rows: long.map(({ row }) => row),
      detail: `The median answer has ${median} characters.`,
    },
  ];
}
