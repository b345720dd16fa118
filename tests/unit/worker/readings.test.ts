import { expect, test } from 'vitest';
import { Queue } from '../../../src/worker/queue.ts';
import { Readings } from '../../../src/worker/projects/readings.ts';
import { readingStopped } from '../../../src/worker/slices.ts';
import { unstopped } from '../../../src/worker/stopping.ts';

test('a stop waits for readings that have started, and later ones start aborted', async () => {
  const readings = new Readings();
  const queue = new Queue();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => queue.run(work);
  const said: string[] = [];
  let finish = (): void => undefined;
  const first = readings.run(inTurn, async (signal) => {
    await new Promise<void>((resolve) => (finish = resolve));
    said.push(`first ends, ${signal.aborted ? 'stopped' : 'not stopped'}`);
  });
  const second = readings.run(inTurn, (signal) => {
    said.push(`second begins, ${signal.aborted ? 'stopped' : 'not stopped'}`);
    return Promise.resolve();
  });
  await Promise.resolve();
  const stopped = readings.stop().then(() => said.push('all are stopped'));
  await new Promise((resolve) => setTimeout(resolve));
  expect(said).toEqual([]);
  finish();
  await Promise.all([first, second, stopped]);
  expect(said[0]).toBe('first ends, stopped');
  expect(said).toContain('second begins, stopped');
  const later = await readings.run(inTurn, (signal) => Promise.resolve(signal.aborted));
  expect(later).toBe(false);
});

test('a reading that its caller stops before its turn ends at once, and no other one does', async () => {
  const readings = new Readings();
  const queue = new Queue();
  const inTurn = <T>(work: () => Promise<T>, stop?: AbortSignal): Promise<T> => queue.run(work, stop);
  let finish = (): void => undefined;
  const first = readings.run(inTurn, async (signal) => {
    await new Promise<void>((resolve) => (finish = resolve));
    return signal.aborted;
  });
  const stop = new AbortController();
  const second = readings.run(inTurn, () => Promise.resolve('read'), stop.signal);
  const third = readings.run(inTurn, (signal) => Promise.resolve(signal.aborted), unstopped());
  stop.abort(readingStopped());
  await expect(second).rejects.toMatchObject({ code: 'worker-aborted' });
  finish();
  expect(await Promise.all([first, third])).toEqual([false, false]);
});
