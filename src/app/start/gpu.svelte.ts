/** What the worker says about this browser's GPU. */
import type { Failure, Gpu, GraftWorker } from '../../worker/api.ts';

export type GpuState =
  | { readonly kind: 'asking' }
  | { readonly kind: 'present'; readonly gpu: Gpu }
  | { readonly kind: 'absent'; readonly failure: Failure };

export class GpuCheck {
  state = $state.raw<GpuState>({ kind: 'asking' });

  constructor(worker: GraftWorker) {
    void this.#ask(worker);
  }

  async #ask(worker: GraftWorker): Promise<void> {
    const outcome = await worker.describeGpu();
    this.state = outcome.ok ? { kind: 'present', gpu: outcome.gpu } : { kind: 'absent', failure: outcome };
  }
}
