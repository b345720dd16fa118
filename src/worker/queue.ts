/** Work that must not overlap, in the order of its calls. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    // The caller hears of an error; the next in the queue does not.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
