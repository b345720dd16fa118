/** The columns of rows: the texts of their examples, and the fields of their files that no example uses. */
import { singleOf } from '../text/trainable.ts';
import { fieldsOf } from './edit-fields.ts';
import type { Example } from './example.ts';
import { isShort, MAX_LABEL_CHARS } from './label.ts';
import type { LargeRows } from './large-rows.ts';
import { wholeNumbers } from './number-column.ts';
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

/** The same of an entry; of a large file one text for all answers that are no labels. */
export const labelOfEntry = (entry: Entry): string | undefined =>
  entry.large ? entry.large.label : labelOf(entry);

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

/** The column that says where a row comes from. */
const SOURCE_COLUMN = 'source';

/**
 * Where a row comes from, for an item of an evaluation: its group by a column, and its source by a column of that name. Nothing if the row has neither.
 *
 * @param column by which the split keeps rows together, if it does
 */
export function originOfRow(
  example: Columned['example'],
  column: string | undefined,
): { readonly group?: string; readonly source?: string } {
  const group = column === undefined ? '' : columnText({ example }, column);
  const source = column === SOURCE_COLUMN ? '' : columnText({ example }, SOURCE_COLUMN);
  return { ...(group !== '' && { group }), ...(source !== '' && isShort(source) && { source }) };
}

/** A label with the number of rows that have it. */
export interface LabelCount {
  readonly label: string;
  readonly rows: number;
}

const MIN_ROWS = 8;
/** Labels come up again: at least so many rows for each of them. */
const ROWS_OF_LABEL = 2;
const MAX_LABELS = 1000;

/** The labels of rows, the most frequent first; undefined if the answers are no labels: few distinct short texts. */
export function labelsOf(entries: readonly Entry[]): LabelCount[] | undefined {
  const counts = new Map<string, number>();
  let rows = 0;
  for (const entry of entries) {
    const label = labelOfEntry(entry);
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

/** Stands for an answer that is no label. */
const NO_LABEL = ' '.repeat(MAX_LABEL_CHARS + 1);

/** The labels of rows as numbers, as long as they can be labels (`labelsOf`). */
export class LabelNumbers {
  readonly #numbers = wholeNumbers();
  readonly #names: (string | undefined)[] = [undefined, NO_LABEL];
  readonly #known = new Map<string, number>();

  add(example: Example): void {
    const label = labelOf({ example });
    this.#numbers.push(label === undefined ? 0 : this.#numberOf(label));
  }

  #numberOf(label: string): number {
    const known = this.#known.get(label);
    if (known !== undefined) return known;
    if (this.#known.size > MAX_LABELS || !isShort(label)) return 1;
    const number = this.#names.push(label) - 1;
    this.#known.set(label, number);
    return number;
  }

  /** The label of a row, a text that is none in place of an answer that is none, or undefined as of `labelOf`. */
  at(row: number): string | undefined {
    return this.#names[this.#numbers.at(row)];
  }
}

const MAX_COLUMNS = 50;

/** The names of the columns of rows: prompt and answer, and the fields of their files that are kept. */
export class ColumnNames {
  readonly #names = new Set<string>([PROMPT_COLUMN]);

  add(example: Example): void {
    if (!this.#names.has(ANSWER_COLUMN) && example.kind !== 'prompt' && example.kind !== 'text')
      this.#names.add(ANSWER_COLUMN);
    for (const name in example.columns) this.addName(name);
  }

  addName(name: string): void {
    if (this.#names.size < MAX_COLUMNS) this.#names.add(name);
  }

  get all(): readonly string[] {
    return [...this.#names];
  }
}

/** The names of the columns that rows have. Those of a large file are those of all its rows, deleted ones among them. */
export function columnNames(entries: readonly Entry[]): readonly string[] {
  const names = new ColumnNames();
  const seen = new Set<LargeRows>();
  for (const entry of entries) {
    const rows = entry.large?.of;
    if (!rows && entry.example) names.add(entry.example);
    if (!rows || seen.has(rows)) continue;
    seen.add(rows);
    for (const name of rows.columns) names.addName(name);
  }
  return names.all;
}
