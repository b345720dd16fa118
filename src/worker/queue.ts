/** Work of {@link Queue.whenIdle} ended because other work came. */
export class GaveWay extends Error {}

/** Work that must not overlap, in the order of its calls. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #unfinished = 0;
  /** Ends the work that gives way. */
  #idle: AbortController | undefined;

  /** Whether the next in the queue has to wait. */
  get busy(): boolean {
    return this.#unfinished > 0;
  }

  /** @param signal aborted before its turn, the work never starts: its reason is thrown at once */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = async (): Promise<T> => {
      signal?.throwIfAborted();
      signal?.removeEventListener('abort', leave);
      return work();
    };
    let leave = (): void => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal!.reason as Error);
    });
    signal?.addEventListener('abort', leave);
    this.#idle?.abort(new GaveWay());
    this.#unfinished++;
    const result = this.#last.then(turn, turn).finally(() => this.#unfinished--);
    // The caller hears of an error; the next in the queue does not.
    this.#last = result.catch(() => undefined);
    return signal ? Promise.race([result, left]) : result;
  }

  /**
   * Runs work when nothing else is in the queue. It gives way: its signal is aborted when anything else comes, which then waits only for its end.
   *
   * @throws GaveWay if the work throws the signal's reason
   */
  async whenIdle<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    while (this.busy) await this.#last;
    const controller = new AbortController();
    const result = this.run(() => work(controller.signal));
    this.#idle = controller;
    return result.finally(() => {
      if (this.#idle === controller) this.#idle = undefined;
    });
  }
}
