/** Speed of a transfer over its last seconds. */

const WINDOW_MS = 5000;
const MIN_MS = 500;

export class Rate {
  #points: { readonly bytes: number; readonly at: number }[] = [];

  /** @param at milliseconds of any clock */
  add(bytes: number, at: number): void {
    const last = this.#points.at(-1);
    // A file that starts over does not count as negative speed.
    if (last && bytes < last.bytes) this.#points = [];
    // A few points are enough: chunks come by the hundred.
    if (last && at - last.at < 50) this.#points.pop();
    this.#points.push({ bytes, at });
    while (this.#points.length > 2 && at - this.#points[1].at > WINDOW_MS) this.#points.shift();
  }

  /** Starts over: the speed is undefined until new points span half a second. */
  forget(): void {
    this.#points = [];
  }

  get bytesPerSecond(): number | undefined {
    const [first] = this.#points;
    const last = this.#points.at(-1);
    if (!first || !last || last.at - first.at < MIN_MS) return undefined;
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000;
  }
}
