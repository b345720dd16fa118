/** Times of work on devices that say late that it is done. */
import { describe, expect, test } from 'vitest';
import { WorkClock, type Timed } from '../../src/engine/work-clock.ts';

/** A device with a clock of its own: work takes time only here. */
class Fake implements Timed {
  seconds = 0;
  #queued = 0;

  /** @param late seconds from the end of work until it is known, at a time */
  constructor(private readonly late: (now: number) => number) {}

  readonly now = (): number => this.seconds;

  work(seconds: number): void {
    this.#queued += seconds;
  }

  copy(): void {
    this.#queued += 1e-6;
  }

  settle(): Promise<void> {
    this.seconds += this.#queued;
    this.#queued = 0;
    this.seconds += this.late(this.seconds);
    return Promise.resolve();
  }
}

const PROMPT = (): number => 1e-5;
const LATE = (): number => 0.103;
/** Until the next poll of a timer that runs on its own. */
const POLLED = (now: number): number => 0.1 - (now % 0.1);

async function measured(late: (now: number) => number, seconds: number): Promise<number> {
  const device = new Fake(late);
  const clock = await WorkClock.of(device, device.now);
  return clock.measure((times) => device.work(times * seconds), { least: 0.05 });
}

describe.each([
  ['prompt', PROMPT, 0.02],
  ['late by 103 ms', LATE, 0.02],
  ['polled every 100 ms', POLLED, 0.35],
])('a device that is %s', (_, late, tolerance) => {
  test.each([2e-5, 9e-4, 0.02, 0.09, 0.8])('has its own time for work of %s s', async (seconds) => {
    const found = await measured(late, seconds);
    expect(Math.abs(found / seconds - 1)).toBeLessThan(tolerance);
  });
});

test('work that is too short to be seen takes at most as long as it seems', async () => {
  const found = await measured(LATE, 1e-9);
  expect(found).toBeGreaterThan(0);
  expect(found).toBeLessThan(0.103 / 10_000);
});

test('a clock says whether the end of work is polled', async () => {
  for (const [late, polled] of [
    [PROMPT, false],
    [LATE, true],
    [POLLED, true],
  ] as const) {
    const device = new Fake(late);
    expect((await WorkClock.of(device, device.now)).polled).toBe(polled);
  }
});
