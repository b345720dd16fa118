/** The signals of calls in the worker. */
import type { GraftError } from '../errors.ts';

/** The signal of a call that came without one. */
export const unstopped = (): AbortSignal => new AbortController().signal;

/**
 * A controller that a call's signal aborts, with words for the person as its reason; the work itself may abort it with others.
 *
 * @param signal of the call; undefined if it cannot be stopped
 */
export function following(signal: AbortSignal | undefined, reason: () => GraftError): AbortController {
  const controller = new AbortController();
  const follow = (): void => controller.abort(reason());
  if (signal?.aborted) follow();
  else signal?.addEventListener('abort', follow, { once: true });
  return controller;
}
