/** Answers that cannot be learned from, and labels that are rare or look wrong. */
import type { Example } from '../example.ts';
import type { Checked, Found } from './finding.ts';
import { answerOf, promptOf, readRows, wordsOf } from './texts.ts';

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
const LEAST_ANSWERS = 10;

export function findLongAnswers({ rows }: Checked): Found[] {
  const lengths = readRows(rows)
    .filter(({ example }) => example.kind !== 'text')
    .map(({ row, example }) => ({ row, chars: answerOf(example).length }))
    .filter(({ chars }) => chars > 0);
  if (lengths.length < LEAST_ANSWERS) return [];
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

/** A row with a label for an answer. */
interface LabelledRow {
  readonly row: number;
  readonly example: Example;
  readonly label: string;
}

const LEAST_ROWS = 20;
const MOST_LABEL_CHARS = 60;
const MOST_LABEL_WORDS = 6;
/** Labels come up again: at least so many rows for each of them. */
const ROWS_OF_LABEL = 4;

/** The rows, if their answers are few distinct short texts. */
function labelled({ rows }: Checked): LabelledRow[] | undefined {
  const found = readRows(rows)
    .filter(({ example: { kind } }) => kind === 'completion' || kind === 'messages')
    .map(({ row, example }) => ({ row, example, label: answerOf(example).trim() }));
  if (found.length < LEAST_ROWS) return undefined;
  const isShort = (label: string): boolean =>
    label.length <= MOST_LABEL_CHARS && label.split(/\s+/).length <= MOST_LABEL_WORDS;
  if (!found.every(({ label }) => isShort(label))) return undefined;
  const labels = new Set(found.map(({ label }) => label)).size;
  return labels >= 2 && labels * ROWS_OF_LABEL <= found.length ? found : undefined;
}

/** The most frequent label has so many times the rows of a rare one. */
const RARE_RATIO = 3;

export function findImbalance(checked: Checked): Found[] {
  const rows = labelled(checked);
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
const LEAST_COSINE = 0.35;
/** Words of more rows find no neighbours: they would make the search quadratic. They still count in the cosine. */
const MOST_POSTINGS = 200;
/** The rarest words of a row, by which neighbours are found. */
const SEARCH_WORDS = 8;

/** Rows whose five most similar rows (TF-IDF over words of the prompt) agree on another label. */
export function findWrongLabels(checked: Checked): Found[] {
  const rows = labelled(checked);
  if (!rows) return [];
  const counts = rows.map(({ example }) => {
    const words = new Map<string, number>();
    for (const word of wordsOf(promptOf(example))) words.set(word, (words.get(word) ?? 0) + 1);
    return words;
  });
  const postings = new Map<string, number[]>();
  counts.forEach((words, at) => {
    for (const word of words.keys()) {
      const list = postings.get(word);
      if (list) list.push(at);
      else postings.set(word, [at]);
    }
  });
  const vectors = counts.map((words) => {
    const weights = [...words].map(
      ([word, times]) => [word, times * Math.log(rows.length / postings.get(word)!.length)] as const,
    );
    const norm = Math.sqrt(weights.reduce((sum, [, weight]) => sum + weight ** 2, 0)) || 1;
    return new Map(weights.map(([word, weight]) => [word, weight / norm]));
  });
  const cosine = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number => {
    let sum = 0;
    for (const [word, weight] of a) sum += weight * (b.get(word) ?? 0);
    return sum;
  };
  const isWrong = ({ label }: LabelledRow, at: number): boolean => {
    const candidates = new Set<number>();
    const rarest = [...counts[at].keys()]
      .map((word) => postings.get(word)!)
      .filter(({ length }) => length > 1 && length <= MOST_POSTINGS)
      .sort((a, b) => a.length - b.length)
      .slice(0, SEARCH_WORDS);
    for (const list of rarest) for (const other of list) if (other !== at) candidates.add(other);
    const nearest = [...candidates]
      .map((other) => ({ other, near: cosine(vectors[at], vectors[other]) }))
      .filter(({ near }) => near >= LEAST_COSINE)
      .sort((a, b) => b.near - a.near)
      .slice(0, NEIGHBOURS);
    if (nearest.length < NEIGHBOURS) return false;
    const [{ other }] = nearest;
    return rows[other].label !== label && nearest.every((one) => rows[one.other].label === rows[other].label);
  };
  return [{ id: 'likely-wrong-label', rows: rows.filter(isWrong).map(({ row }) => row) }];
}
