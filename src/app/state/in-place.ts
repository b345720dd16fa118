/**
 * A list, the newest first, with what was deleted from it still in its place: there it is brought back, and no other row comes under the
 * pointer.
 */
export function inPlace<Entry extends { readonly id: string }>(
  list: readonly Entry[],
  deleted: readonly Entry[],
  timeOf: (entry: Entry) => number,
): Entry[] {
  const gone = deleted.filter(({ id }) => list.every((entry) => entry.id !== id));
  return [...list, ...gone].sort((a, b) => timeOf(b) - timeOf(a));
}
