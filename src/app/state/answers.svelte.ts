/** What of the open answers the model cannot write, in a run with the settings as they are: checked again when they, the model or the rows change. */
import type { FormSpec, Unwritable } from '../../worker/api.ts';
import { ofStudio } from './of-studio.svelte.ts';
import type { Session } from './session.svelte.ts';

/** A text that is being typed needs no check. */
const SETTLE_MS = 250;

class Answers {
  /** Undefined where the model can write them all, or nothing is known yet. */
  found = $state.raw<Unwritable>();
  #asked = 0;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** @returns a function that gives up */
  ask(options: FormSpec): () => void {
    const asked = ++this.#asked;
    const timer = setTimeout(() => void this.#check(options, asked), SETTLE_MS);
    return () => clearTimeout(timer);
  }

  async #check(options: FormSpec, asked: number): Promise<void> {
    const outcome = await this.#session.worker.checkAnswers(options);
    // If it could not be checked, starting the run says why.
    if (asked === this.#asked) this.found = outcome.ok ? outcome.found : undefined;
  }
}

export const answersOf = ofStudio(({ session }) => new Answers(session));
