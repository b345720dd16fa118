/** Sums over a list of rows, kept with it: after a change of a few rows only these are counted again. */
import type { ChangedList } from './divide-again.ts';
import { columnNames } from './row-columns.ts';
import { isUsedEntry, shapeOfRow, type Entry } from './row-set.ts';

interface Totals {
  /** Counts of the rows that are used. */
  readonly rows: { train: number; validation: number; test: number };
  tokens: number;
  supervised: number;
  pairs: number;
  prompts: number;
  desirable: number;
  undesirable: number;
  /** Rows that are used, by file. */
  readonly ofFiles: Map<number, number>;
  /** Numbers of rows by the tokens of their longest sequence: of the rows that are used. */
  readonly longest: Map<number, number>;
  /** Numbers of rows by their tokens before the limit: of all that were not left out. */
  readonly lengths: Map<number, number>;
}

/** What is known of a list of rows. */
export interface RowTotals extends Readonly<Totals> {
  /** Names of its columns (`columnNames`). */
  readonly columns: readonly string[];
}

const known = new WeakMap<readonly Entry[], RowTotals>();

/**
 * @param earlier the list that `changed` names rows of
 * @returns the same as without both
 */
export function totalsOf(
  entries: readonly Entry[],
  earlier?: readonly Entry[],
  changed?: ChangedList,
): RowTotals {
  const before = earlier && changed && known.get(earlier);
  const totals: Totals = before
    ? copyOf(before)
    : {
        rows: { train: 0, validation: 0, test: 0 },
        ...{ tokens: 0, supervised: 0, pairs: 0, prompts: 0, desirable: 0, undesirable: 0 },
        ...{ ofFiles: new Map(), longest: new Map(), lengths: new Map() },
      };
  for (const entry of before ? changed.gone : []) count(totals, entry, -1);
  for (const entry of before ? changed.come : entries) count(totals, entry, 1);
  const columns = before && haveSameColumns(changed) ? before.columns : columnNames(entries);
  const result = { ...totals, columns };
  known.set(entries, result);
  return result;
}

const copyOf = (totals: Totals): Totals => ({
  ...totals,
  rows: { ...totals.rows },
  ofFiles: new Map(totals.ofFiles),
  longest: new Map(totals.longest),
  lengths: new Map(totals.lengths),
});

function add(counts: Map<number, number>, value: number, rows: 1 | -1): void {
  const count = (counts.get(value) ?? 0) + rows;
  if (count === 0) counts.delete(value);
  else counts.set(value, count);
}

function count(totals: Totals, entry: Entry, rows: 1 | -1): void {
  const { state, length } = entry;
  if (length > 0 && state !== 'skipped' && state !== 'copy' && state !== 'capped')
    add(totals.lengths, length, rows);
  if (!isUsedEntry(entry)) return;
  const { part, file, supervised } = entry;
  const { tokens, longest, starts, asks, desirable } = shapeOfRow(entry)!;
  totals.rows[part] += rows;
  totals.tokens += rows * tokens;
  totals.supervised += rows * supervised;
  if (starts) totals.pairs += rows;
  if (asks) totals.prompts += rows;
  if (desirable === true) totals.desirable += rows;
  if (desirable === false) totals.undesirable += rows;
  add(totals.ofFiles, file, rows);
  add(totals.longest, longest, rows);
}

/** Whether each changed row has the columns of the one that it replaces. */
function haveSameColumns({ gone, come }: ChangedList): boolean {
  return (
    gone.length === come.length &&
    gone.every(({ example: old }, at) => {
      const { example } = come[at];
      return old?.kind === example?.kind && old?.columns === example?.columns;
    })
  );
}
