/** A question to the worker that is asked again and again, such as for a list. The answer to an earlier one may come later: it is not shown then. */
export class Latest<T> {
  /** The question that was asked last, until it is answered. */
  #last: Promise<void> | undefined;

  /** @param take shows an answer */
  constructor(
    private readonly question: () => Promise<T>,
    private readonly take: (answer: T) => void | Promise<void>,
  ) {}

  /** @returns resolves when an answer is shown that is not older than this question */
  ask(): Promise<void> {
    const asked: Promise<void> = this.question().then((answer) => {
      if (asked !== this.#last) return this.#last;
      this.#last = undefined;
      return this.take(answer);
    });
    return (this.#last = asked);
  }

  /** What is shown was changed here. An answer that is on its way may not know of it: it is asked for again. */
  changed(): void {
    if (this.#last) void this.ask();
  }
}
