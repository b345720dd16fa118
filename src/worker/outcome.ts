/** Errors do not survive the way to the page as themselves; their words do. */
import { GraftError, messageOf } from '../errors.ts';
import type { Failure, Outcome } from './api.ts';
import { TooLong } from '../data/nothing-usable.ts';
import { TooLarge } from '../runs/run-memory.ts';

/** An error as what crosses to the page. Whatever is not a GraftError is a defect, and says so. */
export function failureOf(error: unknown): Failure {
  if (error instanceof GraftError) {
    const { code, what, remedy } = error;
    return {
      code,
      what,
      remedy,
      ...(error instanceof TooLong && { longest: error.longest }),
      ...(error instanceof TooLarge && { advice: error.advice }),
    };
  }
  return {
    code: 'worker-defect',
    what: messageOf(error),
    remedy: 'This is a defect in Graft; please report it with this text.',
  };
}

/** The outcome of a call for the page: nothing is thrown through the bridge. */
export async function outcome<T extends object>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, ...(await work()) };
  } catch (error) {
    return { ok: false, ...failureOf(error) };
  }
}

/**
 * A callback of the page, called without waiting. It is a comlink proxy and gives a promise, which fails when the page is closed: then
 * the failure is ignored, and the work continues.
 */
export function listener<Value>(callback: ((value: Value) => void) | undefined): (value: Value) => void {
  if (!callback) return () => undefined;
  const heard = callback as (value: Value) => unknown;
  return (value) => {
    Promise.resolve(heard(value)).catch(() => undefined);
  };
}
