/** Rows of a table in an order that a person chose. */

/** Sorted by a value; rows without one come last either way, and rows that are alike stay in their order. */
export function sortedBy<Row>(
  rows: readonly Row[],
  valueOf: (row: Row) => string | number | undefined,
  descending: boolean,
): Row[] {
  const known = rows.filter((row) => valueOf(row) !== undefined);
  const unknown = rows.filter((row) => valueOf(row) === undefined);
  known.sort((a, b) => (descending ? -1 : 1) * compare(valueOf(a)!, valueOf(b)!));
  return [...known, ...unknown];
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en');
}
