/**
 * A list, the newest first, with deleted entries still in their places: each can be restored there, and no other row moves under the
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
