/** The benchmark of this visit: whether it runs, and its result. It lives as long as the page, not as the screen. */
import type { Benchmark, BenchmarkProgress, Failure } from '../../worker/api.ts';
import { device } from '../state/device.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

class BenchmarkState {
  progress = $state.raw<BenchmarkProgress>();
  /** Stop was pressed; the current measurement ends first. */
  stopping = $state(false);
  /** What was measured, and when. */
  result = $state.raw<{ readonly date: string; readonly benchmark: Benchmark }>();
  failure = $state.raw<Failure>();
  #request: AbortController | undefined;

  async start(session: SessionState): Promise<void> {
    if (this.progress) return;
    this.failure = undefined;
    this.stopping = false;
    this.progress = { doing: `Opening ${device.the}`, done: 0, total: 0 };
    session.announcer.say('The benchmark has started.');
    const { signal } = (this.#request = new AbortController());
    const outcome = await session.worker.benchmark((progress) => {
      if (this.progress) this.progress = progress;
    }, signal);
    this.progress = undefined;
    if (outcome.ok) {
      this.result = { date: new Date().toISOString().slice(0, 10), benchmark: outcome.benchmark };
      session.announcer.say('The benchmark is done.');
    } else if (outcome.code === 'worker-aborted') {
      session.announcer.say('The benchmark is stopped.');
    } else {
      this.failure = outcome;
    }
  }

  stop(): void {
    this.stopping = true;
    this.#request?.abort();
  }
}

export const benchmark = new BenchmarkState();
