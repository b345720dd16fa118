/** Retries with growing pauses. */
import { Unsettled } from './client.ts';
import type { Patience, Wait } from './types.ts';

/** A pause that ends early with the reason of `signal`. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Calls `work` until it succeeds or fails for good, with growing pauses.
 *
 * @param advanced whether the last try got further than all before: the count then starts again @param onWait called with the reason and the length
 * of a pause, and with undefined when it ends
 * @throws what `work` throws; after too many tries the failure of the last one
 */
export async function persist<T>(
  work: () => Promise<T>,
  { tries, firstPauseMs, longestPauseMs }: Patience,
  signal: AbortSignal,
  {
    advanced = () => false,
    onWait = () => undefined,
  }: { advanced?: () => boolean; onWait?: (wait?: Wait) => void } = {},
): Promise<T> {
  for (let failed = 0; ;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unsettled)) throw error;
      failed = advanced() ? 1 : failed + 1;
      if (failed >= tries) throw error.failure;
      const wait = Math.min(longestPauseMs, error.retryMs ?? firstPauseMs * 2 ** (failed - 1));
      onWait({ why: error.failure.what, seconds: wait / 1000 });
      await pause(wait, signal);
      onWait();
    }
  }
}
