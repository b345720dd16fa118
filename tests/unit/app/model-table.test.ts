/** The table of models to choose from. */
import { readdirSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { modelRows, secondsOf, sorted, type Column } from '../../../src/app/task/model-table.ts';
import type { ModelForecast } from '../../../src/worker/api.ts';
import { curatedModels } from '../../../src/worker/curated/models.ts';

const SMOL = 'HuggingFaceTB/SmolLM2-135M-Instruct';
const kept = [
  { name: 'My model', created: 0, bytes: 5, runs: [], adapters: 0 },
  {
    ...{ name: 'smol', created: 0, bytes: 3e8, licence: 'apache-2.0', runs: [], adapters: 0 },
    source: `https://huggingface.co/${SMOL}/tree/0123`,
  },
];
const memory = { peakBytes: 7e8 };
const forecast: ModelForecast = { precision: 'f32', usual: memory, least: memory, tokens: 1024 };
const forecasts = {
  'openai-community/gpt2': { ...forecast, secondsPerStep: 0.5 },
  bundled: { ...forecast, usual: { peakBytes: 3e7 }, secondsPerStep: 0.1 },
};
const rows = modelRows(kept, curatedModels(), forecasts);

test('the bundled model, kept ones and those of the hub that are not kept are rows', () => {
  expect(rows.map(({ kind }) => kind)).toEqual(['bundled', 'kept', 'kept', ...Array<string>(7).fill('hub')]);
  expect(rows.map(({ name }) => name)).not.toContain(SMOL);
});

test('the size of the bundled model is that of its files', () => {
  const folder = new URL('../../../public/models/sprig/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name !== 'README.md');
  expect(rows[0].bytes).toBe(files.reduce((sum, name) => sum + statSync(new URL(name, folder)).size, 0));
});

test.each([
  ['name', 'My model', 'SmolLM2-360M-Instruct'],
  ['bytes', 'My model', 'Llama-3.2-1B-Instruct'],
  ['memory', 'Sprig', 'gpt2'],
  ['time', 'Sprig', 'gpt2'],
] as [Column, string, string][])(
  'the models are sorted by %s both ways, unknown values last',
  (column, least, most) => {
    const shown = (descending: boolean): string[] =>
      sorted(rows, { column, descending }).map(({ name }) => name.split('/').at(-1)!);
    expect(shown(column === 'name')[0]).toBe(column === 'name' ? 'Sprig' : least);
    expect(shown(column !== 'name')[0]).toBe(column === 'name' ? 'gemma-3-1b-it' : most);
    if (column === 'memory' || column === 'time') {
      for (const descending of [false, true]) {
        const known = sorted(rows, { column, descending }).map(
          (row) => (column === 'time' ? secondsOf(row) : row.forecast) !== undefined,
        );
        expect(known).toEqual([true, true, ...Array<boolean>(8).fill(false)]);
      }
    }
  },
);
