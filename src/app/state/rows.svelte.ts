/** The list of all rows: what it is filtered by, and the window of it that is on the screen. */
import type { Failure, ListedRow, Part, RowQuery } from '../../worker/api.ts';
import type { Session } from './session.svelte.ts';

/** Rows that are asked for at once: several screens, so that scrolling seldom waits. */
const WINDOW = 200;

export type StateFilter = NonNullable<RowQuery['state']>;

export class RowList {
  part = $state<Part>();
  state = $state<StateFilter>();
  text = $state('');
  total = $state(0);
  /** Rows from `from` on. */
  rows = $state.raw<readonly ListedRow[]>([]);
  from = $state(0);
  failure = $state.raw<Failure>();
  #asked = 0;
  #latest: Promise<void> | undefined;
  readonly #session: Session;

  /** @param newTokens texts that the next run adds as tokens */
  constructor(
    session: Session,
    private readonly newTokens: () => readonly string[] = () => [],
  ) {
    this.#session = session;
  }

  get filtered(): boolean {
    return this.part !== undefined || this.state !== undefined || this.text.trim() !== '';
  }

  /** Place in the filtered list of a row of the data, if it is in the window. */
  placeOf(at: number): number | undefined {
    const index = this.rows.findIndex((row) => row.at === at);
    return index < 0 ? undefined : this.from + index;
  }

  rowAt(place: number): ListedRow | undefined {
    return this.rows.at(place - this.from >= 0 ? place - this.from : this.rows.length);
  }

  /** Fetches the rows around a place of the list. If a newer request overtakes it, its answer is dropped, and it waits for the newer one. */
  fetch(place: number): Promise<void> {
    const run = this.#fetch(place);
    this.#latest = run;
    return run.then(() => (this.#latest === run ? undefined : this.#latest));
  }

  async #fetch(place: number): Promise<void> {
    const from = Math.max(0, Math.floor(place - WINDOW / 3));
    const asked = ++this.#asked;
    const { part, state, text } = this;
    const outcome = await this.#session.worker.listRows(
      { part, state, text, from, count: WINDOW },
      this.newTokens(),
    );
    if (asked !== this.#asked) return;
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    this.failure = undefined;
    this.total = outcome.total;
    this.from = from;
    this.rows = outcome.rows;
  }

  /** Whether the window has these rows, or all there are of them. */
  has(first: number, last: number): boolean {
    return first >= this.from && Math.min(last, this.total) <= this.from + this.rows.length;
  }

  clear(): void {
    this.part = undefined;
    this.state = undefined;
    this.text = '';
  }
}
