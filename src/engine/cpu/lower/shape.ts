/** How much of a tensor a thread takes at once, for several operations. */

/** Elements, where they are computed one by one: a multiple of the vector's four. */
export const ELEMENTS = 8192;

/** Rows of so many numbers, where a kernel goes over rows. */
export function rowsAtOnce(columns: number): number {
  return Math.max(1, Math.ceil(ELEMENTS / columns));
}

/** Columns, where a kernel sums down them: a line of the cache. */
export const COLUMNS = 16;
