/** How much of a tensor a thread takes at once, for several operations. */

/** Elements, for element-wise kernels: a multiple of the vector's four. */
export const ELEMENTS = 8192;

/** Rows of `columns` numbers, for kernels that work on rows. */
export function rowsAtOnce(columns: number): number {
  return Math.max(1, Math.ceil(ELEMENTS / columns));
}

/** Columns, for kernels that sum down them: a cache line. */
export const COLUMNS = 16;
