/** A question to the worker that is asked again and again, such as for a list. The answer to an earlier one may come later: it is not shown then. */
export class Latest<T> {
  #last: Promise<void> | undefined;
  #unanswered = 0;

  /** @param take shows an answer */
  constructor(
    private readonly question: () => Promise<T>,
    private readonly take: (answer: T) => void | Promise<void>,
  ) {}

  /** @returns resolves when an answer is shown that is not older than this question */
  ask(): Promise<void> {
    const asked: Promise<void> = this.#answer().then((answer) =>
      asked === this.#last ? this.take(answer) : this.#last,
    );
    return (this.#last = asked);
  }

  /** What is shown was changed here. An answer that is on its way may not know of it: it is asked for again. */
  changed(): void {
    if (this.#unanswered > 0) void this.ask();
  }

  async #answer(): Promise<T> {
    this.#unanswered++;
    return this.question().finally(() => this.#unanswered--);
  }
}
