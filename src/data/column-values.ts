/** The values of a column in the rows of a file: a number a row, and each value once. */

export interface ColumnValues {
  /** One more than the place of a row's value in {@link names}; 0 for a row without one. */
  readonly of: Uint32Array;
  readonly names: readonly string[];
}

/** @param valueOf the value of a row, if it has one */
export function valuesOfRows(length: number, valueOf: (row: number) => string | undefined): ColumnValues {
  const numbers = new Map<string, number>();
  const of = Uint32Array.from({ length }, (_, row) => {
    const value = valueOf(row);
    if (value === undefined) return 0;
    const known = numbers.get(value);
    if (known === undefined) numbers.set(value, numbers.size + 1);
    return known ?? numbers.size;
  });
  return { of, names: [...numbers.keys()] };
}

/** The value of a row; undefined for a row without one. */
export const valueIn = ({ of, names }: ColumnValues, row: number): string | undefined =>
  of[row] === 0 ? undefined : names[of[row] - 1];
