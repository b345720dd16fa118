/** Unused columns: a mapping or a format may ignore text that a person meant to be read. */
import { isObject, type JsonObject } from '../json.ts';
import { columnsOfRow, isTelling, valueAt } from './columns.ts';

export interface UnusedColumn {
  readonly name: string;
  /** Rows with a value in it. */
  readonly rows: number;
  /** Whether it holds text, or has a name that is common for prompts or answers: then a person is warned. */
  readonly text: boolean;
}

/** The most columns of a row or a file that are listed. */
const MAX_COLUMNS = 64;
/** A name or a label has fewer words. */
const TEXT_WORDS = 3;

/** Whether a value looks like something to read or to learn. */
export function isText(column: string, value: unknown): boolean {
  if (typeof value === 'number') return isTelling(column);
  if (typeof value !== 'string' || value.trim() === '') return false;
  return (
    isTelling(column) || (/\p{L}/u.test(value) && value.trim().split(/\s+/, TEXT_WORDS).length === TEXT_WORDS)
  );
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === 'string' && value.trim() === '') ||
  (Array.isArray(value) && value.length === 0) ||
  (isObject(value) && Object.keys(value).length === 0);

/** Whether a template names the column, or a list or an object that it is part of. */
export const isUsedColumn = (column: string, used: readonly string[]): boolean =>
  used.some((name) => column === name || column.startsWith(`${name}.`) || name.startsWith(`${column}.`));

/** Unused columns in the order in which they came: plain values, which another thread can send. */
export interface FoundColumns {
  readonly columns: readonly UnusedColumn[];
  /** Whether there were more than are listed. */
  readonly isFull: boolean;
}

/** Counts the unused columns, a row at a time. */
export class UnusedColumns {
  #isFull = false;
  readonly #found = new Map<string, { rows: number; text: boolean }>();
  /** Whether a column is used, by the columns that are: most rows have the columns of the row before. */
  readonly #known = new Map<readonly string[], Map<string, boolean>>();

  /**
   * @param used columns that the row's example is made of
   * @param nested whether columns inside of fields count by themselves, as a mapping names them
   */
  add(row: JsonObject, used: readonly string[], nested: boolean): void {
    const columns = nested ? columnsOfRow(row) : Object.keys(row).slice(0, MAX_COLUMNS);
    for (const column of columns) {
      if (this.#isUsed(column, used)) continue;
      const value = nested ? valueAt(row, column) : row[column];
      if (isEmpty(value)) continue;
      let found = this.#found.get(column);
      if (!found) {
        if (this.#found.size >= MAX_COLUMNS) {
          this.#isFull = true;
          continue;
        }
        this.#found.set(column, (found = { rows: 0, text: false }));
      }
      found.rows++;
      found.text ||= isText(column, value);
    }
  }

  #isUsed(column: string, used: readonly string[]): boolean {
    let known = this.#known.get(used);
    if (!known) this.#known.set(used, (known = new Map()));
    const before = known.get(column);
    if (before !== undefined) return before;
    const is = isUsedColumn(column, used);
    // Names that differ from row to row are not kept.
    if (known.size < MAX_COLUMNS) known.set(column, is);
    return is;
  }

  get found(): FoundColumns {
    return { columns: [...this.#found].map(([name, found]) => ({ name, ...found })), isFull: this.#isFull };
  }

  /** Adds those of later rows. Exact if these were not full: then none of their columns is missing. */
  append({ columns }: FoundColumns): void {
    for (const { name, rows, text } of columns) {
      const known = this.#found.get(name);
      if (known) {
        known.rows += rows;
        known.text ||= text;
      } else if (this.#found.size < MAX_COLUMNS) this.#found.set(name, { rows, text });
    }
  }

  /** Those with text first, then as they come in the file. */
  result(): UnusedColumn[] {
    const all = this.found.columns;
    return [...all.filter(({ text }) => text), ...all.filter(({ text }) => !text)];
  }
}
