/** The mutations of `npm run test:mutations`, which takes long, against the sources as they are. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { misfits } from '../mutations/fit.ts';
import { MUTATIONS } from '../mutations/table.ts';

const ROOT = join(import.meta.dirname, '../..');

test('every mutation fits the sources, and its tests are there', () => {
  expect(misfits(ROOT, MUTATIONS)).toEqual([]);
});

test('a mutation that does not fit is named with the reason', () => {
  const [good] = MUTATIONS;
  const reasons = misfits(ROOT, [
    { ...good, id: 'moved', file: 'src/nowhere.ts' },
    { ...good, id: 'reworded', find: 'no source has this text' },
    { ...good, id: 'idle', replace: good.find },
    { ...good, id: 'untested', tests: ['tests/unit/nowhere.test.ts'] },
    good,
    good,
  ]);
  expect(reasons).toEqual([
    `${good.id}: two mutations have this name.`,
    'moved: there is no src/nowhere.ts.',
    expect.stringMatching(/^reworded: .* has 0 places with "no source has this text"/),
    'idle: it changes nothing.',
    'untested: there is no tests/unit/nowhere.test.ts.',
  ]);
});
