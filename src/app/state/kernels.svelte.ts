/** Kernels for matrix products that are measured on this GPU, as the page shows them. Loaded once a GPU is open. */
import type { Failure, GraftWorker, KernelsState, Outcome } from '../../worker/api.ts';

class KernelsOfDevice {
  state = $state.raw<KernelsState>();
  failure = $state.raw<Failure>();
  #watched: GraftWorker | undefined;

  /** Follows what the worker measures. */
  watch(worker: GraftWorker): void {
    if (this.#watched === worker) return;
    this.#watched = worker;
    void worker.watchKernels((state) => (this.state = state));
  }

  /** @returns what the worker answered, unless it failed: then the failure is shown */
  async ask<T extends object>(call: Promise<Outcome<T>>): Promise<T | undefined> {
    this.failure = undefined;
    const outcome = await call;
    if (outcome.ok) return outcome;
    this.failure = outcome;
    return undefined;
  }
}

export const kernels = new KernelsOfDevice();
