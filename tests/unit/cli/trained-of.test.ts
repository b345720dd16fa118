/** What lineage.json says of recipe and seed: runs that differ in the seed only are one recipe. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readLineage, trainedOf } from '../../../src/cli/lineage.ts';
import type { Trained } from '../../../src/evaluate/record.ts';
import { temporaryFolder } from '../../engine/graft-command.ts';

const at = temporaryFolder();
let folders = 0;

async function trained(seed: number, change: object = {}): Promise<Trained | undefined> {
  const folder = at('out', `run-${folders++}`);
  mkdirSync(folder, { recursive: true });
  const lineage = {
    ...{ model: '../../base', data: [{ name: 'rows', path: '../../rows.jsonl' }] },
    flags: ['--split-seed=7', '--max-length=64'],
    recipe: { steps: 60, lr: 0.001, seed },
    ...{ trainRows: 10, steps: 60, evalLoss: 1 / seed },
    ...change,
  };
  writeFileSync(join(folder, 'lineage.json'), JSON.stringify(lineage));
  const stage = await readLineage(folder);
  return stage && trainedOf(stage);
}

test('runs of one recipe have the same text and different seeds, wherever their folders are', async () => {
  const [one, two] = [await trained(1), await trained(2)];
  expect(two).toEqual({ recipe: one?.recipe, seed: 2 });
});

test('another setting, other rows, another base and another split are other recipes', async () => {
  const one = await trained(1);
  for (const change of [
    { recipe: { steps: 60, lr: 0.002, seed: 2 } },
    { data: [{ name: 'rows', path: '../../others.jsonl' }] },
    { model: '../../another' },
    { flags: ['--split-seed=8', '--max-length=64'] },
    { parent: '../../out/first' },
  ])
    expect((await trained(2, change))?.recipe, JSON.stringify(change)).not.toBe(one?.recipe);
});

test('a split by the seed is the same recipe if the test rows have a file of their own', async () => {
  const of = (seed: number) =>
    trained(seed, { flags: [`--split-seed=${seed}`], testData: '../../test.jsonl' });
  expect((await of(2))?.recipe).toBe((await of(1))?.recipe);
});

test('a run of an earlier version says neither', async () => {
  expect(await trained(1, { recipe: undefined })).toBeUndefined();
});
