/** Searches in the open rows: in slices, so that other calls are answered meanwhile, and one for all calls that ask for the same. */
import { findingRows, keyOfSearch, type RowSearch } from '../../data/row-list.ts';
import type { RowSet } from '../../data/row-set.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { readingStopped, Slices, type SliceWatch } from '../slices.ts';

/** A search that is under way. */
interface Search {
  readonly data: RowSet;
  readonly key: string;
  readonly among: ReadonlySet<number> | undefined;
  readonly found: Promise<readonly number[]>;
  readonly watches: Set<SliceWatch>;
  readonly controller: AbortController;
}

export class RowSearches {
  readonly #under = new Set<Search>();

  /** @param besideRun whether a run trains, whose steps need the worker */
  constructor(private readonly besideRun: () => boolean = () => false) {}

  /**
   * Places of the rows that a query finds, in its order. The search ends when all calls that wait for it are aborted.
   *
   * @param among the rows of the finding that is asked for
   * @throws GraftError `worker-aborted`
   */
  async find(
    data: RowSet,
    query: RowSearch,
    tokenizer: Tokenizer,
    among: ReadonlySet<number> | undefined,
    watch: SliceWatch,
  ): Promise<readonly number[]> {
    const { signal } = watch;
    if (signal.aborted) throw readingStopped();
    const key = keyOfSearch(query);
    const same = [...this.#under].find(
      (one) => one.data === data && one.key === key && one.among === among && !one.controller.signal.aborted,
    );
    const search = same ?? this.#start(data, key, among, findingRows(data, query, tokenizer, among));
    search.watches.add(watch);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        search.watches.delete(watch);
        if (search.watches.size === 0) search.controller.abort();
        reject(readingStopped());
      };
      signal.addEventListener('abort', leave, { once: true });
      search.found.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  #start(
    data: RowSet,
    key: string,
    among: Search['among'],
    work: Generator<number, readonly number[]>,
  ): Search {
    const watches = new Set<SliceWatch>();
    const controller = new AbortController();
    const slices = new Slices(
      (progress) => watches.forEach(({ onProgress }) => onProgress(progress)),
      controller.signal,
      this.besideRun,
    );
    const found = slices
      .through('searching', data.entries.length, work)
      .finally(() => this.#under.delete(search));
    const search: Search = { data, key, among, found, watches, controller };
    this.#under.add(search);
    return search;
  }
}
