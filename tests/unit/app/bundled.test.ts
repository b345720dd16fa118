/** Bundled rows are there, and each is offered once, under what it teaches. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BUNDLED_ROWS, bundledGroups, MORE_ROWS } from '../../../src/app/data/bundled.ts';
import type { ShownSample } from '../../../src/app/start/samples.svelte.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../../public/samples/${path}`, import.meta.url), 'utf8');

test('the sizes are those of the files', () => {
  const lines = (path: string): number => read(path).trimEnd().split('\n').length;
  const sizes = {
    pairs: lines(BUNDLED_ROWS.pairs.path),
    labels: lines(BUNDLED_ROWS.labels.path),
    text: read(BUNDLED_ROWS.text.path).trim().split('\n\n').length,
    // Its first line has the names of the columns.
    table: lines(BUNDLED_ROWS.table.path) - 1,
    orders: lines(BUNDLED_ROWS.orders.path),
  };
  for (const [name, size] of Object.entries(sizes))
    expect(BUNDLED_ROWS[name as keyof typeof BUNDLED_ROWS].size).toMatch(new RegExp(`^${size} `));
});

test('each is in one group', () => {
  const samples = JSON.parse(read('index.json')) as ShownSample[];
  const groups = bundledGroups(samples);
  expect(groups.map(({ name, samples: own, files }) => [name, own.length + files.length])).toEqual([
    ['Answers', 3],
    ['Preferences', 2],
    ['Rewards', 1],
    ['Text and tables', 2],
    ['Documents', 2],
    ['Forgetting', 1],
  ]);
  expect(groups.flatMap((group) => group.samples)).toHaveLength(samples.length);
  expect(groups.flatMap((group) => group.files)).toEqual(MORE_ROWS);
});
