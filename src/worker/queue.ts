/** Work that must not overlap, in the order of its calls. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #unfinished = 0;

  /** Whether the next in the queue has to wait. */
  get busy(): boolean {
    return this.#unfinished > 0;
  }

  /** @param signal aborted before its turn, the work never begins: its reason is thrown at once */
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
    this.#unfinished++;
    const result = this.#last.then(turn, turn).finally(() => this.#unfinished--);
    // The caller hears of an error; the next in the queue does not.
    this.#last = result.catch(() => undefined);
    return signal ? Promise.race([result, left]) : result;
  }
}
