import { expect, test } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import { listener, outcome } from '../../../src/worker/outcome.ts';
import { Queue } from '../../../src/worker/queue.ts';

test('work does not overlap, keeps its order, and outlives the failure of what came before', async () => {
  const queue = new Queue();
  const log: string[] = [];
  const work =
    (name: string, ms: number, fails = false) =>
    async (): Promise<string> => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([
    queue.run(work('a', 20)),
    queue.run(work('b', 5, true)),
    queue.run(work('c', 0)),
  ]);
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('a call gives its result or the words of its error, and never throws', async () => {
  expect(await outcome(() => ({ n: 1 }))).toEqual({ ok: true, n: 1 });
  expect(
    await outcome(() => {
      throw new GraftError('a-code', 'What.', 'Remedy.');
    }),
  ).toEqual({ ok: false, code: 'a-code', what: 'What.', remedy: 'Remedy.' });
  expect(await outcome(() => Promise.reject(new Error('oops')))).toMatchObject({
    ok: false,
    code: 'worker-defect',
    what: 'oops',
  });
});

test('a page that has gone does not stop the work that speaks to it', async () => {
  const gone = listener<number>(() => Promise.reject(new Error('the port is closed')) as never);
  expect(() => gone(1)).not.toThrow();
  expect(() => listener(undefined)('nobody')).not.toThrow();
  await new Promise((resolve) => setTimeout(resolve));
});
