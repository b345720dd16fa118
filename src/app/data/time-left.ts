/** The time that long work still takes, from its speed so far. */
import type { Progress } from '../../worker/api.ts';
import { duration } from '../../numbers.ts';

/** The progress of one kind of work. Times are in milliseconds. */
export interface ImportPace {
  readonly what: Progress['what'];
  /** When this kind of work began, and how much was done then. */
  readonly began: number;
  readonly first: number;
  readonly now: number;
  readonly done: number;
  readonly total: number;
}

/** Earlier the speed is not known well enough to promise anything. */
const MIN_MS = 1_500;
/** A shorter wait is over before a number helps. */
const MIN_LEFT_S = 5;

/** @param before the pace so far; another kind of work starts again */
export function paceOf(
  before: ImportPace | undefined,
  { what, done, total }: Progress,
  now: number,
): ImportPace {
  const isSame = before?.what === what && before.total === total;
  return { what, began: isSame ? before.began : now, first: isSame ? before.first : done, now, done, total };
}

/** Seconds that are left of this kind of work; undefined while they cannot be estimated. */
export function secondsLeft({ began, first, now, done, total }: ImportPace): number | undefined {
  const seconds = (now - began) / 1000;
  if (now - began < MIN_MS || done <= first || done >= total) return undefined;
  return ((total - done) * seconds) / (done - first);
}

/** “about 40 s left”; '' if that cannot be estimated, or is over soon. */
export function timeLeftInWords(pace: ImportPace | undefined): string {
  const left = pace && secondsLeft(pace);
  return left === undefined || left < MIN_LEFT_S ? '' : `about ${duration(left)} left`;
}
