/** The part of each row by a column of its file: as many data sets have one, and as Graft writes it (`write-rows.ts`). */
import { PART_COLUMNS } from './columns.ts';
import type { DataOptions } from './options.ts';
import { ROWS_FILE, type Part } from './parts.ts';
import { columnText } from './row-columns.ts';
import type { Entry } from './row-set.ts';

const NAMES: Readonly<Record<Part, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'val', 'dev'],
  test: ['test'],
};

/** The part that a value of such a column names; undefined for any other text. */
export function partNamed(text: string): Part | undefined {
  const name = text.trim().toLowerCase();
  return (['train', 'validation', 'test'] as const).find((part) => NAMES[part].includes(name));
}

/**
 * Whether the rows of a file say which part each is in: a column has the name of a part in most rows, of several parts in all, and no other text in any. Rows
 * without one were left out.
 *
 * @param entries of one file
 * @returns how they are divided then
 */
export function partsGivenIn(
  entries: readonly Entry[],
  columns: readonly string[],
): Required<Pick<DataOptions, 'fair' | 'skip'>> | undefined {
  for (const column of [...PART_COLUMNS].reverse()) {
    if (!columns.includes(column)) continue;
    const out: number[] = [];
    let [given, trained, isOther] = [0, 0, false];
    for (const entry of entries) {
      const { example, line } = entry;
      if (!example) continue;
      const text = columnText({ example }, column);
      const part = partNamed(text);
      if (part) given++;
      else if (text === '') out.push(line);
      else isOther = true;
      if (part === 'train') trained++;
      if (isOther) break;
    }
    // If all rows have the same part, the file is a part of a larger data set, and is divided as any other.
    if (isOther || trained === 0 || trained === given || given <= out.length) continue;
    const skip: number[][] = [];
    skip[ROWS_FILE] = out;
    return { fair: { parts: column }, skip: out.length > 0 ? skip : [] };
  }
  return undefined;
}
