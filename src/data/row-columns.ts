/** The columns of rows: the texts of their examples, and the fields of their files that no example uses. */
import { singleOf } from '../text/trainable.ts';
import { fieldsOf } from './edit-fields.ts';
import type { Entry } from './row-set.ts';

type Columned = Pick<Entry, 'example'>;

/** What a person calls the texts of every kind of row. */
export const PROMPT_COLUMN = 'Prompt';
export const ANSWER_COLUMN = 'Answer';

/** A person's label: the answer of a row with one answer, without white space around it. */
export function labelOf({ example }: Columned): string | undefined {
  if (example?.kind === 'completion') return example.completion.trim();
  if (example?.kind !== 'messages') return undefined;
  const answers = example.messages.filter(
    ({ role, supervised }) => role === 'assistant' && supervised !== false,
  );
  return answers.length === 1 ? answers[0].content.trim() : undefined;
}

/** The text of a row in a column; '' if it has none. */
export function columnText({ example }: Columned, name: string): string {
  if (!example) return '';
  if (name === PROMPT_COLUMN || name === ANSWER_COLUMN) {
    const single = singleOf(example);
    return fieldsOf(single)
      .filter(({ answers, role }) => answers === (name === ANSWER_COLUMN) && role !== 'system')
      .map(({ text }) => text)
      .join('\n');
  }
  const value = example.columns?.[name];
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);
}

/** The group of a row by a column, for an item of an evaluation; nothing if the row has none. */
export function groupOfRow(
  example: Columned['example'],
  column: string | undefined,
): { readonly group?: string } {
  const group = column === undefined ? '' : columnText({ example }, column);
  return group === '' ? {} : { group };
}

/** A label with the number of rows that have it. */
export interface LabelCount {
  readonly label: string;
  readonly rows: number;
}

const MIN_ROWS = 8;
const MAX_LABEL_CHARS = 60;
const MAX_LABEL_WORDS = 6;
/** Labels come up again: at least so many rows for each of them. */
const ROWS_OF_LABEL = 2;
const MAX_LABELS = 1000;

const isShort = (label: string): boolean =>
  label.length <= MAX_LABEL_CHARS && label.split(/\s+/).length <= MAX_LABEL_WORDS;

/** The labels of rows, the most frequent first; undefined if the answers are no labels: few distinct short texts. */
export function labelsOf(entries: readonly Columned[]): LabelCount[] | undefined {
  const counts = new Map<string, number>();
  let rows = 0;
  for (const entry of entries) {
    const label = labelOf(entry);
    if (label === undefined || label === '') continue;
    const known = counts.get(label);
    if (known === undefined && !isShort(label)) return undefined;
    counts.set(label, (known ?? 0) + 1);
    rows++;
    if (counts.size > MAX_LABELS) return undefined;
  }
  if (rows < MIN_ROWS || counts.size < 2 || counts.size * ROWS_OF_LABEL > rows) return undefined;
  return [...counts].map(([label, count]) => ({ label, rows: count })).sort((a, b) => b.rows - a.rows);
}

const MAX_COLUMNS = 50;

/** The names of the columns that rows have: prompt and answer, and the fields of their files that are kept. */
export function columnNames(entries: readonly Columned[]): string[] {
  const names = new Set<string>([PROMPT_COLUMN]);
  for (const { example } of entries) {
    if (!example) continue;
    if (!names.has(ANSWER_COLUMN) && example.kind !== 'prompt' && example.kind !== 'text')
      names.add(ANSWER_COLUMN);
    for (const name in example.columns) if (names.size < MAX_COLUMNS) names.add(name);
  }
  return [...names];
}
