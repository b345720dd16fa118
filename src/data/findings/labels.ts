/** Labels that are rare or look wrong. */
import type { Example } from '../example.ts';
import type { Checked, Found } from './finding.ts';
import { filtered, mapped, type Slow } from './slow.ts';
import { TextVectors } from './text-vectors.ts';
import { answerOf, textOfQuestion, readRowTexts, wordsOf } from './texts.ts';

/** A row with a label for an answer. */
export interface LabelledRow {
  readonly row: number;
  readonly example: Example;
  readonly label: string;
}

const MIN_ROWS = 20;
const MAX_LABEL_CHARS = 60;
const MAX_LABEL_WORDS = 6;
/** Labels come up again: at least so many rows for each of them. */
const ROWS_OF_LABEL = 4;

/** The rows, if their answers are few distinct short texts. */
export function labelledRows(rows: Checked['rows']): LabelledRow[] | undefined {
  const found = readRowTexts(rows)
    .filter(({ example: { kind } }) => kind === 'completion' || kind === 'messages')
    .map(({ row, example }) => ({ row, example, label: answerOf(example).trim() }));
  if (found.length < MIN_ROWS) return undefined;
  const isShort = (label: string): boolean =>
    label.length <= MAX_LABEL_CHARS && label.split(/\s+/).length <= MAX_LABEL_WORDS;
  if (!found.every(({ label }) => isShort(label))) return undefined;
  const labels = new Set(found.map(({ label }) => label)).size;
  return labels >= 2 && labels * ROWS_OF_LABEL <= found.length ? found : undefined;
}

/** The most frequent label has so many times the rows of a rare one. */
const RARE_RATIO = 3;

export function findImbalance(checked: Checked): Found[] {
  const rows = labelledRows(checked.rows);
  if (!rows) return [];
  const counts = new Map<string, number>();
  for (const { label } of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
  const ordered = [...counts].sort(([, a], [, b]) => b - a);
  const [[most, top]] = ordered;
  const [least, bottom] = ordered[ordered.length - 1];
  const isRare = ({ label }: LabelledRow): boolean => counts.get(label)! * RARE_RATIO <= top;
  return [
    {
      id: 'label-imbalance',
      rows: rows.filter(isRare).map(({ row }) => row),
      detail: `“${most}” has ${top} rows and “${least}” has ${bottom}.`,
    },
  ];
}

const NEIGHBOURS = 5;
/** Cosine of the neighbours that count. */
const MIN_COSINE = 0.35;

/** Rows whose five most similar rows (TF-IDF over words of the prompt) agree on another label. */
export function* findWrongLabels(checked: Checked): Slow<Found[]> {
  const rows = labelledRows(checked.rows);
  if (!rows) return [];
  const texts = new TextVectors(yield* mapped(rows, ({ example }) => wordsOf(textOfQuestion(example))));
  const isWrong = ({ label }: LabelledRow, at: number): boolean => {
    const nearest = texts.nearest(at, NEIGHBOURS, MIN_COSINE);
    if (nearest.length < NEIGHBOURS) return false;
    const other = rows[nearest[0]].label;
    return other !== label && nearest.every((one) => rows[one].label === other);
  };
  const wrong = yield* filtered(rows, isWrong);
  return [{ id: 'likely-wrong-label', rows: wrong.map(({ row }) => row) }];
}
