/** The list of all rows: what it is filtered by, the window of it that is on the screen, and the place of the row in view. */
import type {
  EditQuery,
  Failure,
  FindingId,
  ListedRow,
  Part,
  Progress,
  RowQuery,
  RowSort,
} from '../../worker/api.ts';
import type { Data } from './data.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** Rows that are asked for at once: several screens, so that scrolling seldom waits. */
const WINDOW = 200;
/** A shorter search shows no progress. */
const LONG_MS = 1000;

export type StateFilter = NonNullable<RowQuery['state']>;

export class RowList {
  part = $state<Part>();
  state = $state<StateFilter>();
  /** Only the rows of a finding. */
  finding = $state<FindingId>();
  text = $state('');
  /** Only rows with this answer. */
  label = $state<string>();
  /** Only rows that a person changed. */
  changed = $state(false);
  /** Tokens before the limit. */
  least = $state<number>();
  most = $state<number>();
  /** A text in one column. */
  column = $state('');
  columnText = $state('');
  sort = $state.raw<RowSort>();
  total = $state(0);
  /** Rows from `from` on. */
  rows = $state.raw<readonly ListedRow[]>([]);
  from = $state(0);
  failure = $state.raw<Failure>();
  /** The place in the filtered list that the row in view has, or will have. */
  place = $state(0);
  /** Whether the rows in view are still those of another filter: nothing may be done to them as if the filter had found them. */
  changing = $state(false);
  /** How far a search is, once it takes long. */
  progress = $state.raw<Progress>();
  /** The search for the rows of the list, whichever window of them is asked for. */
  #search: { readonly key: string; readonly summary: unknown; readonly request: AbortController } | undefined;
  #asked = 0;
  #latest: Promise<void> | undefined;
  /** Moves are counted, since a later one may be ready before an earlier one. */
  #move = 0;
  #moving = false;
  #settling = 0;
  readonly #session: SessionState;

  /** @param data the open rows, one of which is in view */
  constructor(
    session: SessionState,
    private readonly data: Data,
  ) {
    this.#session = session;
  }

  get filtered(): boolean {
    const { sort: _, ...filters } = this.query;
    return Object.values(filters).some((value) => value !== undefined);
  }

  /** Whether the places of the list are others than those of the data. */
  get ordered(): boolean {
    return this.filtered || this.sort !== undefined;
  }

  /** What the list is filtered and sorted by. */
  get query(): EditQuery {
    const { part, state, finding, text, label, changed, least, most, column, columnText, sort } = this;
    return {
      ...{ part, state, finding, label, least, most },
      text: text.trim() === '' ? undefined : text,
      changed: changed || undefined,
      column: column === '' || columnText.trim() === '' ? undefined : { name: column, text: columnText },
      sort: sort && { by: typeof sort.by === 'object' ? { ...sort.by } : sort.by, down: sort.down },
    };
  }

  /** Whether the filter finds nothing. */
  get empty(): boolean {
    return this.filtered && this.total === 0;
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
    const { query } = this;
    const began = performance.now();
    const outcome = await this.#session.worker.listRows(
      { ...query, from, count: WINDOW },
      this.data.newTokens,
      (progress) => {
        if (asked === this.#asked && performance.now() - began > LONG_MS) this.progress = progress;
      },
      this.#signalOf(query),
    );
    if (asked !== this.#asked) return;
    this.progress = undefined;
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    this.failure = undefined;
    this.total = outcome.total;
    this.from = from;
    this.rows = outcome.rows;
  }

  /** The signal of a search. Another search than the latest stops that one. */
  #signalOf(query: EditQuery): AbortSignal {
    const key = JSON.stringify(query);
    const { summary } = this.data;
    if (this.#search?.key !== key || this.#search.summary !== summary) {
      this.#search?.request.abort();
      this.#search = { key, summary, request: new AbortController() };
    }
    return this.#search.request.signal;
  }

  /** Whether the window has these rows, or all there are of them. */
  has(first: number, last: number): boolean {
    return first >= this.from && Math.min(last, this.total) <= this.from + this.rows.length;
  }

  clear(): void {
    this.part = undefined;
    this.state = undefined;
    this.finding = undefined;
    this.text = '';
    this.label = undefined;
    this.changed = false;
    this.least = undefined;
    this.most = undefined;
    this.columnText = '';
  }

  /** Shows the row at a place of the list. A later move overtakes an earlier one. */
  async go(to: number): Promise<void> {
    if (this.total === 0) return;
    const move = ++this.#move;
    const wanted = (this.place = Math.min(this.total - 1, Math.max(0, to)));
    this.#moving = true;
    // The rows on the screen are requested too, and may replace this place's rows before they are read.
    while (!this.has(wanted, wanted + 1)) {
      await this.fetch(wanted);
      if (move !== this.#move) return;
      if (this.failure) break;
    }
    const row = this.rowAt(wanted);
    if (row) await this.data.show(row.at);
    if (move === this.#move) this.#moving = false;
  }

  /** Takes the place of a row that came into view by other means. While a move is under way, the row before it is still in view. */
  follow(at: number): void {
    if (this.#moving) return;
    const found = this.ordered ? this.placeOf(at) : at;
    if (found !== undefined) this.place = found;
  }

  /** Shows a row of the data, which the filter may leave out: then there is no filter any more. */
  async find(at: number): Promise<void> {
    this.#move++;
    this.#moving = false;
    if (this.ordered && this.placeOf(at) === undefined) {
      this.clear();
      this.sort = undefined;
    }
    await this.data.show(at);
  }

  /**
   * Reads the list again, with another filter or after the rows have changed. The row in view stays if the list has it in its window; else the one
   * that has its place comes into view, so that what is done to the row in view is done to a row of the list.
   *
   * @param place to read around
   */
  async settle(place: number): Promise<void> {
    const settling = ++this.#settling;
    const move = ++this.#move;
    this.#moving = false;
    await this.fetch(place);
    // A move that overtakes it shows a row of the new list.
    if (move === this.#move && !this.failure) {
      if (this.ordered && this.placeOf(this.data.wantedAt) === undefined) await this.go(place);
      else this.follow(this.data.wantedAt);
    }
    if (settling === this.#settling) this.changing = false;
  }
}
