import { expect } from 'vitest';
import { GraftError } from '../../src/errors.ts';

/** The GraftError that something throws (or rejects with), with the given code. Anything else fails the test. */
export async function graftError(action: () => unknown, code: string): Promise<GraftError> {
  let thrown: unknown;
  try {
    await action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, 'nothing was thrown, or no GraftError').toBeInstanceOf(GraftError);
  const error = thrown as GraftError;
  expect(error.code, error.message).toBe(code);
  return error;
}

/** The allowed ends of fuzzing: a result, or a GraftError. @returns which */
export async function resultOrGraftError(action: () => unknown): Promise<'result' | 'error'> {
  try {
    await action();
    return 'result';
  } catch (error) {
    if (error instanceof GraftError && error.code && error.what) return 'error';
    throw error;
  }
}
