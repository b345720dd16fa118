/** What learns and what is learned from are asked for what they do, never for their names. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LEARNERS, learnerOf } from '../../../src/adapters/learners.ts';
import { ADAPTER_KINDS, kindOf } from '../../../src/adapters/registry.ts';
import { resultOf } from '../../../src/settings/result.ts';

const SOURCES = join(import.meta.dirname, '../../../src');

test('every learner is an adapter of a kind, or trains the model', () => {
  const adapters = LEARNERS.filter((learner) => !learnerOf({ method: learner.name }).trainsModel);
  expect(ADAPTER_KINDS.map(({ name }) => name)).toEqual(adapters.map(({ name }) => name));
  for (const { name, label } of adapters) expect(kindOf({ kind: name }).label).toBe(label);
});

test('a run leaves what its learner says, without the table and in it', () => {
  for (const { name } of LEARNERS) {
    const { trainsModel = false, words } = learnerOf({ method: name });
    expect([name, resultOf({ method: name })]).toEqual([name, words.result]);
    expect(words.result === 'model').toBe(trainsModel);
  }
  expect(resultOf({})).toBe(learnerOf({}).words.result);
});

test('no source compares with the name of a learner that trains the model, or with the rows of an objective that samples', () => {
  const asks = /\b(?:method|name|rows)\s*[!=]==?\s*'(?:full|prompts)'/;
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(?:ts|svelte)$/.test(name),
  );
  const asking = files.filter((name) => asks.test(readFileSync(join(SOURCES, name), 'utf8')));
  expect(asking).toEqual([]);
});

test.each([
  ['lora', { rank: 8 }, 'LoRA rank 8'],
  ['ia3', {}, 'IA3'],
  ['full', {}, 'all weights'],
  ['full', { trainWeights: 'norms', lastLayers: 2 }, 'norms and biases of the last 2 layers'],
  ['full', { trainWeights: 'no-embeddings' }, 'all weights but embeddings and head'],
])('a run of %s with %j trains “%s”', (method, settings, words) => {
  expect(learnerOf({ method }).words.trained(settings)).toBe(words);
});
