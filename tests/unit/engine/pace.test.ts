/** How submits are cut and how far the queue runs ahead, with a clock and a queue that the test turns. */
import { describe, expect, test } from 'vitest';
import { Storage, Tensor } from '../../../src/engine/tensor.ts';
import { Pace, splitIntoSubmits, submitsOf } from '../../../src/engine/webgpu/pace.ts';
import { defaultTuning, withKernels } from '../../../src/engine/webgpu/tuning.ts';

const BUDGET = { flopsPerSubmit: 1000, bytesPerSubmit: 1000 };

function command(flops: number, bytes: number) {
  const tensor = new Tensor(new Storage('transient', bytes, 'x'), [bytes / 4], 'f32');
  return { label: 'some', operands: [tensor, tensor], writes: [], flops, workgroups: 1 };
}

describe('submits', () => {
  const sizes = (commands: ReturnType<typeof command>[], slowness = 1): number[] =>
    splitIntoSubmits(commands, BUDGET, slowness).map((group) => group.length);

  test('hold what fits by operations, by bytes, and by both together', () => {
    expect(sizes([400, 400, 400].map((flops) => command(flops, 0)))).toEqual([2, 1]);
    expect(sizes([400, 400, 400].map((bytes) => command(0, bytes)))).toEqual([2, 1]);
    expect(sizes([command(400, 0), command(400, 400), command(0, 200)])).toEqual([1, 2]);
    // The same operand twice is read once.
    expect(submitsOf(command(0, 400), BUDGET)).toBeCloseTo(0.4, 12);
  });

  test('have a command that is too large for itself', () => {
    expect(sizes([command(10, 0), command(5000, 0), command(10, 0)])).toEqual([1, 1, 1]);
  });

  test('are shorter on a slower device, and keep the order', () => {
    const commands = Array.from({ length: 8 }, (_, i) => command(200 + i, 0));
    expect(sizes(commands)).toEqual([4, 4]);
    expect(sizes(commands, 2)).toEqual([2, 2, 2, 2]);
    expect(splitIntoSubmits(commands, BUDGET, 2).flat()).toEqual(commands);
  });
});

/** A queue whose work ends when the test says so. */
class Turned {
  seconds = 0;
  readonly #ends: (() => void)[] = [];
  readonly pace = new Pace({
    now: () => this.seconds,
    done: () => new Promise<void>((resolve) => this.#ends.push(resolve)),
  });

  /** The oldest run ends after so many seconds more. */
  async end(after: number): Promise<void> {
    this.seconds += after;
    this.#ends.shift()!();
    await settled();
  }
}

/** Lets promises that are resolved be heard. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('the pace of a device', () => {
  test('is learned from a run that takes longer than its submits should', async () => {
    const queue = new Turned();
    queue.pace.submitted(10);
    await queue.end(8);
    expect(queue.pace.slowness).toBeCloseTo(8, 12);
  });

  test('counts a run from the end of the one before', async () => {
    const queue = new Turned();
    queue.pace.submitted(10);
    queue.pace.submitted(10);
    await queue.end(2);
    await queue.end(2);
    expect(queue.pace.slowness).toBeCloseTo(2, 12);
  });

  test('is not learned from runs that may only be heard of late, nor from small changes', async () => {
    const queue = new Turned();
    queue.pace.submitted(0.1);
    await queue.end(0.2);
    queue.pace.submitted(10);
    await queue.end(1.2);
    expect(queue.pace.slowness).toBe(1);
  });

  test('comes back slowly, and not further than to ten times the tuning', async () => {
    const queue = new Turned();
    queue.pace.submitted(10);
    await queue.end(16);
    queue.pace.submitted(10);
    await queue.end(1);
    expect(queue.pace.slowness).toBeCloseTo(4, 12);
    for (let i = 0; i < 20; i++) {
      queue.pace.submitted(1e6);
      await queue.end(1);
    }
    expect(queue.pace.slowness).toBeGreaterThanOrEqual(0.1);
    expect(queue.pace.slowness).toBeLessThan(0.13);
  });

  test('is forgotten when other kernels take over, whose submits are short at first', async () => {
    const queue = new Turned();
    queue.pace.submitted(1e4);
    await queue.end(100);
    expect(queue.pace.slowness).toBeLessThan(1);
    queue.pace.reset();
    expect(queue.pace.slowness).toBe(1);

    const fast = {
      ...defaultTuning({ vendor: 'a real one', architecture: '', description: '' }),
      flopsPerSubmit: 1e12,
    };
    const tiles = withKernels(fast, { matmul: { tallTiles: false } });
    const plain = withKernels(tiles, { matmul: { family: 'plain' } });
    expect(tiles.flopsPerSubmit).toBeLessThan(fast.flopsPerSubmit);
    expect(plain.flopsPerSubmit).toBeLessThan(tiles.flopsPerSubmit);
    expect(plain.matmul.family).toBe('plain');
  });
});

describe('catching up', () => {
  async function isWaiting(pace: Pace): Promise<boolean> {
    let waits = true;
    void pace.catchUp().then(() => (waits = false));
    await settled();
    return waits;
  }

  test('waits for a device that is more than a second behind', async () => {
    const queue = new Turned();
    const { pace } = queue;
    pace.submitted(4);
    await queue.end(0.4);
    for (let i = 0; i < 2; i++) pace.submitted(4);
    expect(await isWaiting(pace)).toBe(false);
    pace.submitted(4);
    let caughtUp = false;
    void pace.catchUp().then(() => (caughtUp = true));
    await settled();
    expect(caughtUp).toBe(false);
    await queue.end(0.4);
    expect(caughtUp).toBe(true);
  });

  test('waits sooner on a slower device, but never for its only run', async () => {
    const queue = new Turned();
    const { pace } = queue;
    pace.submitted(4);
    await queue.end(4);
    pace.submitted(4);
    expect(await isWaiting(pace)).toBe(false);
    pace.submitted(4);
    expect(await isWaiting(pace)).toBe(true);
  });

  test('keeps two runs in the queue while nothing is known', async () => {
    const { pace } = new Turned();
    expect(await isWaiting(pace)).toBe(false);
    pace.submitted(0.01);
    expect(await isWaiting(pace)).toBe(false);
    pace.submitted(0.01);
    expect(await isWaiting(pace)).toBe(true);
  });
});
