/** Work on many rows that pauses after each of them, so that its caller can do something else, or stop it. */
export type Slow<Result> = Generator<void, Result>;

export function* filtered<Item>(
  items: Iterable<Item>,
  keeps: (item: Item, at: number) => boolean,
): Slow<Item[]> {
  const kept: Item[] = [];
  let at = 0;
  for (const item of items) {
    if (keeps(item, at++)) kept.push(item);
    yield;
  }
  return kept;
}

export function* mapped<Item, Other>(items: Iterable<Item>, change: (item: Item) => Other): Slow<Other[]> {
  const all: Other[] = [];
  for (const item of items) {
    all.push(change(item));
    yield;
  }
  return all;
}

/** All of it at once. */
export function whole<Result>(work: Generator<unknown, Result>): Result {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}
