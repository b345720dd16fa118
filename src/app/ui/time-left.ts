/** How far long work is, and the time left, in words. */
import type { Progress } from '../../worker/api.ts';
import { bytes } from './format.ts';
import { count, duration } from '../../numbers.ts';

/** Earlier the progress says little about the rest. */
const SOON_S = 2;
/** Shorter work shows no time left. */
const LONG_S = 10;

/** Seconds that are left, from the speed so far. */
export class TimeLeftClock {
  #part = '';
  #begun = 0;
  #from = 0;
  #before = 0;

  /**
   * @param now in milliseconds
   * @returns undefined while it is too early to tell, and of work that is short
   */
  hear({ what, done, total }: Progress, now = performance.now()): number | undefined {
    const part = `${what} ${total}`;
    if (part !== this.#part || done < this.#before) {
      this.#part = part;
      this.#begun = now;
      this.#from = done;
    }
    this.#before = done;
    const seconds = (now - this.#begun) / 1000;
    const came = done - this.#from;
    if (seconds < SOON_S || came <= 0 || done >= total) return undefined;
    const left = (seconds * (total - done)) / came;
    return seconds + left > LONG_S ? left : undefined;
  }
}

const COUNTED: ReadonlySet<Progress['what']> = new Set([
  'packing',
  'compiling',
  'checking',
  'searching',
  'counting',
  'preparing',
  'comparing',
]);

/** “3 MiB of 10 MiB, about 20 s left”; empty if it is not known how far. @param secondsLeft as {@link TimeLeftClock} tells */
export function farWords({ what, done, total, bytes: written }: Progress, secondsLeft?: number): string {
  if (total === 0) return '';
  const unit = COUNTED.has(what) ? count : bytes;
  const parts = [
    `${unit(done)} of ${unit(total)}${what === 'packing' ? ' parts' : ''}`,
    ...(written === undefined ? [] : [`${bytes(written)} so far`]),
    ...(secondsLeft === undefined ? [] : [`about ${duration(roughly(secondsLeft))} left`]),
  ];
  return parts.join(', ');
}

/** Rounded: 7 s, 40 s, 3 min. */
function roughly(seconds: number): number {
  if (seconds < 10) return Math.ceil(seconds);
  return seconds < 60 ? Math.ceil(seconds / 5) * 5 : Math.ceil(seconds / 60) * 60;
}
