import { expect, test } from 'vitest';
import { GaveWay, Queue } from '../../../src/worker/queue.ts';

function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

test('work is done in order, one at a time, and only its caller gets an error', async () => {
  const queue = new Queue();
  const done: string[] = [];
  const { open, passed } = gate();
  expect(queue.busy).toBe(false);
  const first = queue.run(async () => {
    await passed;
    done.push('first');
    throw new Error('broken');
  });
  const second = queue.run(async () => done.push('second'));
  expect(queue.busy).toBe(true);
  open();
  await expect(first).rejects.toThrow('broken');
  await second;
  expect(done).toEqual(['first', 'second']);
  expect(queue.busy).toBe(false);
});

test('work that is aborted before its turn fails at once, and never starts', async () => {
  const queue = new Queue();
  const { open, passed } = gate();
  const done: string[] = [];
  const first = queue.run(() => passed);
  const controller = new AbortController();
  const left = queue.run(async () => done.push('left'), controller.signal);
  const last = queue.run(async () => done.push('last'));
  controller.abort(new Error('taken back'));
  await expect(left).rejects.toThrow('taken back');
  expect(queue.busy).toBe(true);
  open();
  await Promise.all([first, last]);
  expect(done).toEqual(['last']);
});

test('work that has begun is not aborted', async () => {
  const queue = new Queue();
  const { open, passed } = gate();
  const controller = new AbortController();
  const work = queue.run(async () => {
    await passed;
    return 'whole';
  }, controller.signal);
  await Promise.resolve();
  controller.abort(new Error('too late'));
  open();
  expect(await work).toBe('whole');
});

test('work for idle times waits until the queue is empty', async () => {
  const queue = new Queue();
  const { open, passed } = gate();
  const done: string[] = [];
  void queue.run(() => passed);
  const idle = queue.whenIdle(async () => done.push('idle'));
  void queue.run(async () => done.push('later'));
  open();
  await idle;
  expect(done).toEqual(['later', 'idle']);
});

test('work for idle times gives way to anything that comes, which waits for its end', async () => {
  const queue = new Queue();
  const { open, passed } = gate();
  const done: string[] = [];
  const idle = queue.whenIdle(async (signal) => {
    open();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    done.push('ended');
    signal.throwIfAborted();
  });
  await passed;
  const other = queue.run(async () => done.push('other'));
  await expect(idle).rejects.toBeInstanceOf(GaveWay);
  await other;
  expect(done).toEqual(['ended', 'other']);
  expect(await queue.whenIdle(async ({ aborted }) => aborted)).toBe(false);
});
