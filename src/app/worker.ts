/** The page's one bridge to the worker that trains. */
import { proxy, transferHandlers, wrap } from 'comlink';
import { callSignals, carryAbortSignals } from '../abort-signals.ts';
import { messageOf } from '../errors.ts';
import type { Failure, GraftWorker } from '../worker/api.ts';

type Call = (...args: readonly unknown[]) => Promise<unknown>;

/**
 * Starts the worker. Callbacks in calls become comlink proxies here and nowhere else, abort signals cross on ports of their own, and a call never
 * rejects: a worker that does not start, or that throws, answers as a failed outcome.
 *
 * @param onDefect is called too, since calls without an outcome would lose the failure
 */
export function startWorker(onDefect: (failure: Failure) => void): GraftWorker {
  carryAbortSignals(transferHandlers);
  const worker = new Worker(new URL('../worker/main.ts', import.meta.url), { type: 'module', name: 'graft' });
  const methods = wrap(worker) as unknown as Record<string, Call>;
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener(
      'error',
      (event) => reject(new Error(event.message || 'The worker did not start.')),
      { once: true },
    );
  });
  const broken = Promise.race([failed, hasEnded(methods)]);
  // Each call races against it and reports it.
  broken.catch(() => undefined);

  const call = async (name: string, args: readonly unknown[]): Promise<unknown> => {
    // A callback travels on a port of its own, and may come after the answer: progress of what is done already.
    let open = true;
    const signals = callSignals();
    const heard = (callback: (...values: unknown[]) => unknown) =>
      proxy((...values: unknown[]) => (open ? callback(...values) : undefined));
    try {
      const marked = args.map((value) => {
        if (value instanceof AbortSignal) return signals.of(value);
        return typeof value === 'function' ? heard(value as (...values: unknown[]) => unknown) : value;
      });
      return await Promise.race([methods[name](...marked), broken]);
    } catch (error) {
      const failure: Failure = {
        code: 'app-worker',
        what: `The worker that trains failed: ${messageOf(error)}`,
        remedy: 'Reload the page; what was saved is kept.',
      };
      onDefect(failure);
      return { ok: false, ...failure };
    } finally {
      open = false;
      signals.end();
    }
  };
  return new Proxy({} as GraftWorker, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        call(String(name), args),
  });
}

/** Rejects when the worker is gone: one that the browser ends, for its memory or on a crash, sends no message. */
async function hasEnded(methods: Record<string, Call>): Promise<never> {
  // Only secure pages have locks; elsewhere the worker trains nothing anyway.
  if (!isSecureContext) return new Promise(() => undefined);
  const lock = `graft-worker ${crypto.randomUUID()}`;
  await methods['holdLock'](lock);
  return navigator.locks.request(lock, () => {
    throw new Error('It ended without a word.');
  });
}
