/** How often the test part of the open rows was looked at. */
import type { TestLooks } from '../../worker/api.ts';
import { ofStudio } from './of-studio.svelte.ts';
import type { Studio } from './studio.svelte.ts';

class LooksAtTest {
  looks = $state.raw<TestLooks>({ count: 0 });
  /** Whether the person wants to change a test part that was looked at. */
  unlocked = $state(false);
  #asked = 0;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  get locked(): boolean {
    return this.looks.count > 0 && !this.unlocked;
  }

  async refresh(): Promise<void> {
    const asked = ++this.#asked;
    const outcome = await this.#studio.session.worker.testLooks();
    // Where they cannot be read, nothing is locked: the storage says so elsewhere.
    if (asked === this.#asked && outcome.ok) this.looks = outcome.looks;
  }
}

export const testLooksOf = ofStudio((studio) => new LooksAtTest(studio));

/** `once`, `twice`, `3 times`. */
export const times = (count: number): string =>
  count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`;
