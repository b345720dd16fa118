/** The memory plan of the next run: made again whenever a setting, the model or the rows change. */
import { device } from '../state/device.svelte.ts';
import type { Failure, MemoryAdvice, RunMemory, FormSpec } from '../../worker/api.ts';
import { misfits } from './plan-words.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** A number that is being typed needs no plan. */
const SETTLE_MS = 250;

export class MemoryForecast {
  memory = $state.raw<RunMemory>();
  failure = $state.raw<Failure>();
  /** The shown plan belongs to earlier settings. */
  pending = $state(false);
  #asked = 0;
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
  }

  /** @returns a function that gives up */
  ask(options: FormSpec): () => void {
    const asked = ++this.#asked;
    this.pending = true;
    const timer = setTimeout(() => void this.#plan(options, asked), SETTLE_MS);
    return () => clearTimeout(timer);
  }

  /** Settings that cannot work have no plan. */
  clear(): void {
    this.#asked++;
    this.pending = false;
    this.memory = undefined;
    this.failure = undefined;
  }

  /** Why the run does not fit, and what to change, best first; undefined for a run that fits, as far as is known. */
  get refusal(): Refusal | undefined {
    const { memory, failure } = this;
    if (!memory) return failure?.advice && { reasons: [failure.what], advice: failure.advice };
    return memory.problems.length > 0
      ? { reasons: misfits(memory, device), advice: memory.advice }
      : undefined;
  }

  async #plan(options: FormSpec, asked: number): Promise<void> {
    const outcome = await this.#session.worker.planRun(options);
    if (asked !== this.#asked) return;
    this.pending = false;
    this.memory = outcome.ok ? outcome.memory : undefined;
    this.failure = outcome.ok ? undefined : outcome;
  }
}

interface Refusal {
  readonly reasons: readonly string[];
  readonly advice: readonly MemoryAdvice[];
}
