/** How often the test part of the open rows was looked at. */
import type { TestLooks } from '../../worker/api.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

class LooksAtTest {
  looks = $state.raw<TestLooks>({ count: 0, locked: false });
  #asked = 0;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The person wants to change a test part that was looked at. */
  async unlock(): Promise<void> {
    if ((await this.#studio.session.worker.unlockTest()).ok) await this.refresh();
  }

  async refresh(): Promise<void> {
    const asked = ++this.#asked;
    const outcome = await this.#studio.session.worker.testLooks();
    // Where they cannot be read, nothing is locked: the storage says so elsewhere.
    if (asked === this.#asked && outcome.ok) this.looks = outcome.looks;
  }
}

export const testLooksOf = ofProject((studio) => new LooksAtTest(studio));
