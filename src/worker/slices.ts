/** Long work in slices: between them the worker hears what the page asks, tells how far it is, and stops when it should. */
import { GraftError } from '../errors.ts';
import type { Progress } from './api.ts';

/** Short enough that a training run beside it hardly waits, long enough that the pauses cost little. */
const SLICE_MS = 40;

export class Slices {
  #since = performance.now();

  constructor(
    private readonly onProgress: (progress: Progress) => void,
    private readonly signal: AbortSignal,
  ) {}

  /** Whether it is time for {@link pause}: asked after every row, so it must cost nothing. */
  get due(): boolean {
    return performance.now() - this.#since > SLICE_MS;
  }

  /** @throws GraftError `worker-aborted` */
  async pause(progress: Progress): Promise<void> {
    this.onProgress(progress);
    // A task and not a microtask: messages of the page come in between.
    await new Promise((resolve) => setTimeout(resolve));
    if (this.signal.aborted)
      throw new GraftError('worker-aborted', 'Reading was stopped.', 'What was open before still is.');
    this.#since = performance.now();
  }
}
