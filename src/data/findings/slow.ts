/** Work on many rows that pauses after each of them, so that its caller can do something else, or stop it. */
export type Slow<Result> = Generator<void, Result>;

/** All of it at once. */
export function whole<Result>(work: Generator<unknown, Result>): Result {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}
