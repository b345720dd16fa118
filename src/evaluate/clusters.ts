/** Rows of one source, such as the questions about one document, are not independent: intervals and tests draw whole groups of them. */
import { plural } from '../numbers.ts';
import type { Evaluation } from './record.ts';

/** The rows of each group, by their places. Together they are all rows. */
export type Clusters = readonly (readonly number[])[];

/**
 * The groups among the first `rows` items; a row without a group is one of its own.
 *
 * @returns undefined if no two rows share a group: then rows are drawn one by one
 */
export function clustersOf({ items }: Pick<Evaluation, 'items'>, rows: number): Clusters | undefined {
  const byGroup = new Map<string | number, number[]>();
  for (let at = 0; at < rows; at++) {
    // A text and a place are never the same key.
    const key = items[at].group ?? at;
    const own = byGroup.get(key);
    if (own) own.push(at);
    else byGroup.set(key, [at]);
  }
  return byGroup.size < rows ? [...byGroup.values()] : undefined;
}

/** “12 groups of rows with the same “ticket””; undefined if rows count one by one. */
export function groupsInWords(record: Evaluation, rows = record.items.length): string | undefined {
  const clusters = clustersOf(record, rows);
  return (
    clusters &&
    `${plural(clusters.length, 'group')} of rows with the same “${record.made.groupedBy ?? 'group'}”`
  );
}

/** The paired test of right answers, as words name it. */
export function testInWords(record: Evaluation, rows = record.items.length): string {
  const groups = groupsInWords(record, rows);
  return groups === undefined ? 'exact McNemar test' : `exact sign-flip test over ${groups}`;
}
