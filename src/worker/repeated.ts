/** Rows that are there more than once: within training a waste, across the split a leak that flatters every measurement. */
import { duplicatesOf, identityOf } from '../data/statistics.ts';
import type { DataSet, Entry } from './data.ts';

export function findRepeated(entries: readonly Entry[]): Pick<DataSet, 'repeated' | 'leaked'> {
  const duplicates = duplicatesOf(
    entries.map(({ row, example }) => (row && example ? identityOf(example) : undefined)),
  );
  const repeated = new Map(duplicates.map(({ row, first }) => [row, first]));
  /** By the first of its kind: a row of them that is trained on. */
  const trained = new Map<number, number>();
  for (const { row, first } of duplicates)
    for (const at of [first, row])
      if (entries[at].part === 'train' && !trained.has(first)) trained.set(first, at);
  const leaked = new Map<number, number>();
  for (const { row, first } of duplicates) {
    const of = trained.get(first);
    if (of === undefined) continue;
    for (const at of [first, row]) if (entries[at].part !== 'train') leaked.set(at, of);
  }
  return { repeated, leaked };
}
