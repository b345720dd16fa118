/**
 * Times submitted work. A device says late that its work is done: Firefox polls every 100 ms (jax-js 124), so that a product of a tenth of a millisecond
 * seems to take 103. The clock measures first how long an empty submit takes, repeats the work until that is a small part of what it waits for, and
 * subtracts it.
 */
import { median } from '../averages.ts';
import type { Device } from './device.ts';

/** Waits for nothing that are measured, after one that warms up. */
const EMPTY_WAITS = 5;
/** Work that is awaited once should take this many empty waits, so that a poll that comes a whole wait too early or too late changes its time by a fifth. */
const WAITS = 5;
/** Waits longer than this are those of a poll. Work is awaited fewer times then. */
const POLLED = 0.02;
const RUNS = 5;
const POLLED_RUNS = 3;
/** Repeats grow by at most this factor, since work that is too short to be seen may be much longer than it seems. */
const GROWTH = 16;
const MAX_REPEATS = 65_536;

/** What a clock needs of a device. */
export type Timed = Pick<Device, 'settle' | 'copy'>;

/** Seconds, from any start. */
export type Now = () => number;

const seconds: Now = () => performance.now() / 1000;

/** A clock for the work of one device. */
export class WorkClock {
  private constructor(
    private readonly device: Timed,
    /** Seconds of an empty submit: median of several. */
    readonly wait: number,
    private readonly now: Now,
  ) {}

  /** Measures the empty wait. @param now for tests @throws GraftError as `Device.settle` */
  static async of(device: Timed, now = seconds): Promise<WorkClock> {
    const empty = new WorkClock(device, 0, now);
    const waits: number[] = [];
    for (let i = 0; i <= EMPTY_WAITS; i++) waits.push(await empty.elapsed(() => device.copy([])));
    return new WorkClock(device, median(waits.slice(1)), now);
  }

  /** Whether waits are so long that the end of work is polled. Times are known to a fifth then. */
  get polled(): boolean {
    return this.wait > POLLED;
  }

  /** The least seconds of work that should be awaited at once, at least `wanted`. */
  least(wanted: number): number {
    return Math.max(wanted, WAITS * this.wait);
  }

  /** Seconds of work that is submitted once and awaited. */
  async once(submit: () => void): Promise<number> {
    return this.#without(await this.elapsed(submit));
  }

  /**
   * Seconds of one run of some work: the median of several measurements of many runs.
   *
   * @param submit puts the work on the device this many times
   * @param least seconds that a measurement should take; more if waits are long
   * @param runs measurements; fewer if waits are long
   * @throws GraftError as `Device.settle`
   */
  async measure(
    submit: (times: number) => void,
    { least = 0, runs = RUNS }: { least?: number; runs?: number } = {},
  ): Promise<number> {
    const took = (times: number): Promise<number> => this.elapsed(() => submit(times));
    const target = this.least(least);
    // It warms up.
    await took(1);
    let repeats = 1;
    for (;;) {
      const net = (await took(repeats)) - this.wait;
      if (net >= target / 2 || repeats === MAX_REPEATS) break;
      const growth = Math.min(GROWTH, target / Math.max(net, target / GROWTH));
      repeats = Math.min(MAX_REPEATS, Math.ceil(repeats * growth));
    }
    const times: number[] = [];
    const count = this.polled ? Math.min(runs, POLLED_RUNS) : runs;
    for (let i = 0; i < count; i++) times.push(await took(repeats));
    return this.#without(median(times)) / repeats;
  }

  /** Seconds until submitted work is known to be done, the wait included. */
  async elapsed(submit: () => void): Promise<number> {
    const start = this.now();
    submit();
    await this.device.settle();
    return this.now() - start;
  }

  /** Without the wait, unless nothing would be left: then the work is at most as long as it seems. */
  #without(elapsed: number): number {
    return elapsed > this.wait ? elapsed - this.wait : elapsed;
  }
}
