/** How much `graft serve` takes on: answers in progress and those that wait, up to a limit. */
import { RequestError } from './serve-errors.ts';

const MAX_SECONDS = 60;

export class ServeQueue {
  #taken = 0;
  /** Seconds of an answer from its request on: a mean in which the last ones count most. */
  #seconds = 1;

  /** @param places answers that are made at once @param waiting answers that may wait for a place */
  constructor(
    readonly places: number,
    readonly waiting: number,
  ) {}

  /**
   * Takes on answers.
   *
   * @returns what to call when they are done
   * @throws RequestError 429 if too much waits already, 400 if there is never room for so many
   */
  enter(answers: number): () => void {
    const max = this.places + this.waiting;
    if (answers > max)
      throw new RequestError(
        400,
        `The request asks for ${answers} answers, and this server takes at most ${max} at once.`,
        { code: 'too_many_answers' },
      );
    if (this.#taken + answers > max)
      throw new RequestError(429, 'Too many requests wait already. Try again later.', {
        type: 'rate_limit_error',
        code: 'queue_full',
        headers: { 'Retry-After': String(this.#secondsLeft()) },
      });
    this.#taken += answers;
    const began = performance.now();
    return () => {
      this.#taken -= answers;
      this.#seconds += (performance.now() - began) / 10_000 - this.#seconds / 10;
    };
  }

  /** About how long it takes until a place in the queue is free, in whole seconds. */
  #secondsLeft(): number {
    return Math.min(MAX_SECONDS, Math.max(1, Math.ceil(this.#seconds / this.places)));
  }
}
