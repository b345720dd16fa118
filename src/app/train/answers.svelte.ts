/** What of the open answers the model cannot write, in a run with the settings as they are: checked again when they, the model or the rows change. */
import type { FormSpec, PlacedFinding, Unwritable } from '../../worker/api.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

/** A text that is being typed needs no check. */
const SETTLE_MS = 250;

class Answers {
  /** Undefined if the model can write them all, or nothing is known yet. */
  found = $state.raw<Unwritable>();
  /** The same as a finding of the open rows. */
  finding = $state.raw<PlacedFinding>();
  #asked = 0;
  readonly #session: SessionState;

  constructor(session: SessionState) {
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
    if (asked !== this.#asked) return;
    this.found = outcome.ok ? outcome.found : undefined;
    this.finding = outcome.ok ? outcome.finding : undefined;
  }
}

export const answersOf = ofProject(({ session }) => new Answers(session));

/** Checks the answers for as long as a component is there, whenever the settings, the model or the rows change. */
export function followAnswers(studio: Studio): void {
  $effect(() => {
    const { session, data, settings } = studio;
    void session.model;
    void data.summary;
    return answersOf(studio).ask(settings.options);
  });
}
