/** When a run saves its state: every so many steps, or every so often. */
import { GraftError } from '../errors.ts';

/** Without --save-every: what a crash may cost at most. */
const DEFAULT_MS = 5 * 60_000;
/** By default saving takes at most a twentieth of the time, however large the state and slow the disk. */
const MOST_SHARE = 20;

export type SaveEvery =
  { readonly steps: number } | { readonly milliseconds: number; readonly mostShare?: number };

/** @param text "20" for steps, "90s" or "5m" for time; undefined for the default. @throws GraftError `arguments` */
export function readSaveEvery(text: string | undefined): SaveEvery {
  if (text === undefined) return { milliseconds: DEFAULT_MS, mostShare: MOST_SHARE };
  const [, number, unit] = /^([1-9]\d{0,8})([sm]?)$/.exec(text.trim()) ?? [];
  if (number === undefined)
    throw new GraftError(
      'arguments',
      `--save-every is "${text}", expected a number of steps, or a time such as 90s or 5m.`,
      'See graft COMMAND --help.',
    );
  if (unit === '') return { steps: Number(number) };
  return { milliseconds: Number(number) * (unit === 'm' ? 60_000 : 1000) };
}

/** Keeps the time since the last save. Where a run pauses to save does not change its numbers. */
export class SaveClock {
  #last: number;
  #cost = 0;

  /** @param now in milliseconds, on a clock that only goes forward */
  constructor(
    private readonly every: SaveEvery,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#last = now();
  }

  /** Steps from this one to the next save, or undefined where time decides. */
  stepsLeft(step: number): number | undefined {
    return 'steps' in this.every ? this.every.steps - (step % this.every.steps) : undefined;
  }

  /** Whether it is time to save. */
  get due(): boolean {
    if ('steps' in this.every) return false;
    const { milliseconds, mostShare = 0 } = this.every;
    return this.now() - this.#last >= Math.max(milliseconds, mostShare * this.#cost);
  }

  /** Runs a save, and counts from its end. */
  async save(work: () => Promise<void>): Promise<void> {
    const start = this.now();
    await work();
    this.#last = this.now();
    this.#cost = this.#last - start;
  }
}
