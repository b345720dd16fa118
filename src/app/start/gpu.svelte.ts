/** What the worker says about this browser's GPU. */
import { messageOf } from '../../errors.ts';
import type { Failure, Gpu, Outcome } from '../../worker/api.ts';
import type { WorkerBridge } from '../worker.ts';

export type GpuState =
  | { readonly kind: 'asking' }
  | { readonly kind: 'present'; readonly gpu: Gpu }
  | { readonly kind: 'absent'; readonly failure: Failure };

export class GpuCheck {
  state = $state.raw<GpuState>({ kind: 'asking' });

  constructor({ api, broken }: WorkerBridge) {
    void this.#ask(Promise.race([api.describeGpu(), broken]));
  }

  async #ask(answer: Promise<Outcome<{ readonly gpu: Gpu }>>): Promise<void> {
    try {
      const outcome = await answer;
      this.state = outcome.ok ? { kind: 'present', gpu: outcome.gpu } : { kind: 'absent', failure: outcome };
    } catch (error) {
      const what = `The worker that owns the GPU failed: ${messageOf(error)}`;
      this.state = { kind: 'absent', failure: { code: 'app-worker', what, remedy: 'Reload the page.' } };
    }
  }
}
