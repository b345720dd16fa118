/** The page's one bridge to the worker that owns the GPU. */
import { wrap, type Remote } from 'comlink';
import type { GraftWorker } from '../worker/api.ts';

export interface WorkerBridge {
  readonly api: Remote<GraftWorker>;
  /** Rejects if the worker cannot start or throws outside of a call; never resolves. */
  readonly broken: Promise<never>;
}

export function startWorker(): WorkerBridge {
  const worker = new Worker(new URL('../worker/main.ts', import.meta.url), { type: 'module', name: 'graft' });
  const broken = new Promise<never>((_, reject) => {
    worker.addEventListener(
      'error',
      (event) => reject(new Error(event.message || 'The worker did not start.')),
      { once: true },
    );
  });
  return { api: wrap<GraftWorker>(worker), broken };
}
