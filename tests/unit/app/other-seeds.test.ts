/** Adapters that one recipe made with several seeds, as the page finds them. */
import { expect, test } from 'vitest';
import { otherSeeds } from '../../../src/app/evaluate/other-seeds.ts';

const run = (id: string, change: { readonly seed: number; readonly lr?: number }, dataName = 'rows.csv') => ({
  id,
  dataName,
  options: { steps: 60, lr: 0.001, ...change },
});
const RUNS = [
  run('a', { seed: 1 }),
  run('b', { seed: 2 }),
  run('c', { seed: 2 }),
  run('d', { seed: 3, lr: 0.5 }),
  run('e', { seed: 4 }, 'others.csv'),
  run('f', { seed: 5 }),
];
const ADAPTERS = [
  ...RUNS.map(({ id }) => ({ id: `of ${id}`, runId: id })),
  { id: 'imported', runId: undefined },
];

test('finds runs that differ in the seed only, one for each seed', () => {
  expect(otherSeeds('of a', ADAPTERS, RUNS)).toEqual(['of b', 'of f']);
  expect(otherSeeds('of c', ADAPTERS, RUNS)).toEqual(['of a', 'of f']);
});

test('finds none for another recipe, for other rows, and where no run is known', () => {
  for (const key of ['of d', 'of e', 'imported', 'base', 'current'])
    expect(otherSeeds(key, ADAPTERS, RUNS), key).toEqual([]);
});
