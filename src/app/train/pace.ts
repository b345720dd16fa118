/** The time left of a measurement, from its speed so far. */
import type { Progress } from '../../worker/api.ts';

/** Shorter work is over before an estimate is read. */
const WORTH_TELLING_SECONDS = 10;

/** Follows one measurement, whose parts (answers, losses) each have a pace of their own. */
export class MeasurementPace {
  #part = '';
  /** When the first part was done: the time before it compiles shaders. */
  #from = { done: 0, at: 0 };

  /**
   * @param now milliseconds, of any clock that does not jump
   * @returns seconds left of this part; undefined while unknown, and for parts of less than ten seconds
   */
  secondsLeft({ what, by, done, total }: Progress, now: number): number | undefined {
    const part = `${what} ${by} ${total}`;
    if (part !== this.#part || done < this.#from.done || this.#from.done === 0) {
      this.#part = part;
      this.#from = { done, at: now };
      return undefined;
    }
    if (done <= this.#from.done || total <= 0) return undefined;
    const seconds = (now - this.#from.at) / 1000;
    const perRow = seconds / (done - this.#from.done);
    return perRow * total >= WORTH_TELLING_SECONDS ? perRow * (total - done) : undefined;
  }
}
