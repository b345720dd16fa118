/** Rows that are there more than once: within training a waste, across the split a leak that flatters every measurement. */
import { DuplicateFinder, identityOf } from '../data/statistics.ts';
import type { DataSet, Entry } from './data.ts';
import type { Slices } from './slices.ts';

/** @throws GraftError `worker-aborted` */
export async function findRepeated(
  entries: readonly Entry[],
  slices: Slices,
): Promise<Pick<DataSet, 'repeated' | 'leaked'>> {
  const finder = new DuplicateFinder();
  await slices.each('comparing', entries, ({ row, example }, at) => {
    if (row && example) finder.add(at, identityOf(example));
  });
  const duplicates = finder.found;
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
