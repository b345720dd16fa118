/** What the command says of time: that a run will take long, and seconds in words. */
import { expect, test } from 'vitest';
import { LongRunWarning } from '../../../src/cli/long-run.ts';
import { formatSeconds } from '../../../src/cli/output.ts';

test('a run of more than an hour is reported once, when three steps have shown it', () => {
  const told = (left: readonly number[]): (string | undefined)[] => {
    const warning = new LongRunWarning();
    return left.map((secondsLeft) => warning.after({ secondsLeft }));
  };
  expect(told([9000, 8000, 7200, 7190])).toEqual([
    undefined,
    undefined,
    expect.stringMatching(/^Warning: about 2 h 0 min are left\. Fewer --steps, /),
    undefined,
  ]);
  expect(told([9000, 8000, 3600, 9000])).toEqual([undefined, undefined, undefined, undefined]);
});

test('seconds are written in the units that suit them', () => {
  expect([0, 9.94, 42.4, 99.4, 100, 119.7, 3569, 3570, 7260, 90_000].map(formatSeconds)).toEqual([
    '0.0 s',
    '9.9 s',
    '42 s',
    '99 s',
    '1 min 40 s',
    '2 min 0 s',
    '59 min 29 s',
    '1 h 0 min',
    '2 h 1 min',
    '25 h 0 min',
  ]);
});
