/** Progress and time left of long work. */
import { expect, test } from 'vitest';
import { farWords, TimeLeftClock } from '../../../src/app/ui/time-left.ts';

const MIB = 2 ** 20;
const at = (done: number, total = 100 * MIB) => ({ what: 'keeping', done, total }) as const;

test('the time left is shown once it can be estimated, for work of more than ten seconds', () => {
  const left = new TimeLeftClock();
  expect(left.hear(at(0), 0)).toBeUndefined();
  expect(left.hear(at(5 * MIB), 1000)).toBeUndefined();
  expect(left.hear(at(20 * MIB), 4000)).toBeCloseTo(16);
  expect(left.hear(at(90 * MIB), 18_000)).toBeCloseTo(2);
  expect(left.hear(at(100 * MIB), 20_000)).toBeUndefined();
});

test('nothing is shown for short work, and another part is timed from its own start', () => {
  const left = new TimeLeftClock();
  left.hear(at(0), 0);
  expect(left.hear(at(80 * MIB), 4000)).toBeUndefined();
  // Work that is done already, as after a pause, took no time.
  left.hear({ what: 'loading', done: 50, total: 100 }, 5000);
  expect(left.hear({ what: 'loading', done: 60, total: 100 }, 10_000)).toBeCloseTo(20);
});

test.each([
  [at(3 * MIB), undefined, '3 MiB of 100 MiB'],
  [at(3 * MIB), 33.2, '3 MiB of 100 MiB, about 35 s left'],
  [at(3 * MIB), 61, '3 MiB of 100 MiB, about 2 min left'],
  [
    { what: 'packing', done: 12, total: 40, bytes: 2 * MIB },
    7.1,
    '12 of 40 parts, 2 MiB so far, about 8 s left',
  ],
  [{ what: 'compiling', done: 3, total: 1200 }, undefined, '3 of 1,200'],
  [{ what: 'reading', done: 0, total: 0 }, undefined, ''],
] as const)('%j with %s left: %s', (progress, left, words) => {
  expect(farWords(progress, left)).toBe(words);
});
