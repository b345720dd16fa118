/** Memory and time of every method with its defaults, planned one after the other while a person compares them. */
import type { RunCost, FormSpec } from '../../worker/api.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** What a method costs; the reason if that is not known. */
export type Costed = RunCost | { readonly unknown: string };

export class Costs {
  /** By the name of the method. */
  known = $state.raw<Readonly<Record<string, Costed | undefined>>>({});
  pending = $state(false);
  #asked = 0;
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
  }

  /** @param runs by the name of the method @returns a function that gives up */
  ask(runs: readonly (readonly [name: string, options: FormSpec])[]): () => void {
    const asked = ++this.#asked;
    this.known = {};
    this.pending = true;
    void this.#cost(runs, asked);
    return () => {
      if (asked === this.#asked) this.#asked++;
    };
  }

  async #cost(runs: readonly (readonly [name: string, options: FormSpec])[], asked: number): Promise<void> {
    for (const [name, options] of runs) {
      const outcome = await this.#session.worker.costRun(options);
      if (asked !== this.#asked) return;
      const costed = outcome.ok ? outcome.cost : { unknown: outcome.what };
      this.known = { ...this.known, [name]: costed };
    }
    this.pending = false;
  }
}
