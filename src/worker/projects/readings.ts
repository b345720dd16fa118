/** Readings of rows. They belong to the open project, so they end before another one is opened. */
export class Readings {
  readonly #asked = new Set<AbortController>();
  readonly #begun = new Set<Promise<unknown>>();

  /**
   * @param inTurn calls the work when it may start
   * @param stop ends this reading; aborted before its turn, the work never starts: its reason is thrown at once
   */
  async run<T>(
    inTurn: (work: () => Promise<T>, stop?: AbortSignal) => Promise<T>,
    work: (signal: AbortSignal) => Promise<T>,
    stop?: AbortSignal,
  ): Promise<T> {
    const controller = new AbortController();
    const signal = stop ? AbortSignal.any([controller.signal, stop]) : controller.signal;
    this.#asked.add(controller);
    try {
      return await inTurn(async () => {
        const going = work(signal);
        this.#begun.add(going);
        try {
          return await going;
        } finally {
          this.#begun.delete(going);
        }
      }, stop);
    } finally {
      this.#asked.delete(controller);
    }
  }

  /** Stops all of them. Resolves when none can keep anything any more; waiting ones stop when their turn comes. */
  async stop(): Promise<void> {
    do {
      for (const controller of this.#asked) controller.abort();
      await Promise.allSettled(this.#begun);
    } while (this.#begun.size > 0);
  }
}
