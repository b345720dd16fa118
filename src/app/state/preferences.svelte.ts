/** Pairs of answers that a person preferred one of, by a vote or by writing it better: kept with the project, and opened as rows. */
import type { PreferredPair, Preferences as Kept } from '../../worker/api.ts';
import type { ResultsState } from '../evaluate/results.svelte.ts';

export class PreferencesState {
  pairs = $state.raw<readonly PreferredPair[]>([]);
  /** Votes without a difference: nothing is learned from them. */
  ties = $state(0);
  readonly #kept: ResultsState;

  constructor(kept: ResultsState) {
    this.#kept = kept;
  }

  /** How often a person has judged. */
  get count(): number {
    return this.pairs.length + this.ties;
  }

  add(pair: PreferredPair): Promise<void> {
    this.pairs = [...this.pairs, pair];
    return this.#keep();
  }

  tie(): Promise<void> {
    this.ties++;
    return this.#keep();
  }

  remove(at: number): Promise<void> {
    this.pairs = this.pairs.filter((_, index) => index !== at);
    return this.#keep();
  }

  /** Those of the project; none if it keeps none. */
  show(kept: Kept | undefined): void {
    this.pairs = kept?.pairs ?? [];
    this.ties = kept?.ties ?? 0;
  }

  async #keep(): Promise<void> {
    const { pairs, ties } = this;
    await this.#kept.keep(this.#kept.project, { preferences: { pairs, ties } });
  }
}
