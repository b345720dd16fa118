/** When a run saves its state: at an interval of steps, or of time. The moments of saving do not change its numbers. */

/** Saving takes at most a twentieth of the time, however large the state or slow the disk. */
export const MAX_SHARE = 20;

export type SaveEvery =
  | { readonly steps: number }
  | {
      readonly milliseconds: number;
      /** Training takes at least this many times as long as a save. */
      readonly mostShare?: number;
      /** The first steps are saved earlier: after this many steps, if they took this long. */
      readonly soon?: { readonly steps: number; readonly milliseconds: number };
      /** Save before the first step, so that a run is never without a state. */
      readonly atStart?: boolean;
    };

/** Keeps the step and the time of the last save. */
export class SaveClock {
  #last: number;
  #step: number;
  #saved: boolean;
  #cost = 0;

  /**
   * @param step of the state that a resumed run continues from; undefined for a run without one
   * @param now in milliseconds, on a clock that only goes forward
   */
  constructor(
    private readonly every: SaveEvery,
    step?: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#last = now();
    this.#step = step ?? 0;
    this.#saved = step !== undefined;
  }

  /** Whether a state has to be saved before the run may continue. */
  get dueAtStart(): boolean {
    return 'milliseconds' in this.every && this.every.atStart === true && !this.#saved;
  }

  /** Steps from this one to the next save, or undefined if time decides. */
  stepsLeft(step: number): number | undefined {
    return 'steps' in this.every ? this.every.steps - (step % this.every.steps) : undefined;
  }

  /** Whether it is time to save after this step. */
  due(step: number): boolean {
    if (step <= this.#step) return false;
    if ('steps' in this.every) return step % this.every.steps === 0;
    const { milliseconds, mostShare = 0, soon } = this.every;
    const passed = this.now() - this.#last;
    if (passed < mostShare * this.#cost) return false;
    if (passed >= milliseconds) return true;
    const enough = soon && (step - this.#step >= soon.steps || this.#step === 0);
    return enough === true && passed >= soon!.milliseconds;
  }

  /** Runs a save after this step, and counts from its end. */
  async save(step: number, work: () => Promise<void>): Promise<void> {
    const start = this.now();
    await work();
    this.#last = this.now();
    this.#cost = this.#last - start;
    this.#step = step;
    this.#saved = true;
  }
}
