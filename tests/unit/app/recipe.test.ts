/** A recipe on the page. */
import { expect, test } from 'vitest';
import { START } from '../../../src/app/train/kept-settings.ts';
import { dataOptionsFrom, leftOutOf, optionsFrom, recipeStarts } from '../../../src/app/train/recipe.ts';
import type { DataOptions } from '../../../src/worker/api.ts';

const OPEN = { targets: ['q_proj', 'v_proj'], trainRows: 100 };
const ROWS: DataOptions = { maxLength: 96, overlong: 'truncate-end', validation: 0.1, test: 0.1, seed: 42 };

test('settings that it leaves out stay, and settings that depend on it follow', () => {
  const current = { ...START, name: 'mine', lr: 0.5, targets: ['q_proj'] };
  expect(optionsFrom({ rank: 4, steps: 9, name: 'other' }, current, OPEN)).toEqual({
    ...current,
    ...{ rank: 4, alpha: 8, steps: 9 },
  });
  expect(optionsFrom({ epochs: 2, batch: 10, targets: ['all-linear'] }, current, OPEN)).toMatchObject({
    steps: 20,
    targets: OPEN.targets,
  });
  expect(optionsFrom({ steps: 3 }, current, OPEN)).toMatchObject({ warmup: 3 });
});

test('an optimiser without a rate gets its default rate, as in the command; a given rate is exact', () => {
  const current = { ...START, lr: 0.004 };
  expect(optionsFrom({ optimiser: 'lion' }, current, OPEN)).toMatchObject({ optimiser: 'lion', lr: 8e-4 });
  expect(optionsFrom({ optimiser: 'sgd', lr: 0.3 }, current, OPEN)).toMatchObject({ lr: 0.3 });
  expect(optionsFrom({ optimiser: 'adamw' }, current, OPEN)).toMatchObject({ lr: 0.004 });
});

test('a recipe that trains only norms is taken with their rate', () => {
  const recipe = { method: 'full', trainWeights: 'norms', lastLayers: 2 };
  expect(optionsFrom(recipe, { ...START, lr: 0.004 }, OPEN)).toMatchObject({ ...recipe, lr: 0.04 });
});

test('rows are read and split as it says, and stay unchanged if it says nothing new', () => {
  expect(dataOptionsFrom({ steps: 4, validationFraction: 0.1 }, ROWS)).toBe(ROWS);
  expect(
    dataOptionsFrom(
      {
        ...{ promptTemplate: '{{q}}', answerTemplate: '{{a}}', header: 'no', delimiter: 'tab' },
        ...{ skipRows: '3-4', dropDuplicates: true, testFraction: 0.3, splitSeed: 1, maxLength: 64 },
      },
      ROWS,
    ),
  ).toEqual({
    ...ROWS,
    mapping: { prompt: '{{q}}', answer: '{{a}}' },
    ...{
      header: false,
      delimiter: '\t',
      skip: [[3, 4]],
      dropCopies: true,
      test: 0.3,
      seed: 1,
      maxLength: 64,
    },
  });
});

test('the measurement of forgetting is taken over', () => {
  const recipe = { forgetting: true, forgettingEvery: 20 };
  expect(optionsFrom(recipe, { ...START, lr: 0.004 }, OPEN)).toMatchObject(recipe);
});

test('the adapter that it starts from is found by the name of its folder, or the page says what to choose', () => {
  const named = (...names: string[]): { name: string }[] => names.map((name) => ({ name }));
  const recipe = { initAdapter: 'out/General-1' };
  const one = recipeStarts(recipe, named('General 1', 'General 11', 'Chef'));
  expect(one).toEqual(named('General 1'));
  expect(leftOutOf(recipe, one)).toBe('It starts from “General 1”.');
  expect(recipeStarts({ initAdapter: 'Café\\adapters\\Café/' }, named('cafe', 'Café'))).toHaveLength(2);
  expect(leftOutOf(recipe, named('General 1', 'general 1'))).toMatch(/2 have that name: choose one/);
  expect(leftOutOf(recipe)).toMatch(/^It starts from the adapter out\/General-1, and none .* choose it/);
  expect(recipeStarts({ steps: 3 }, named('General 1'))).toEqual([]);
});

test('settings of another stage are reported', () => {
  expect(leftOutOf({ steps: 4, precision: 'f32' })).toBe('');
  expect(leftOutOf({ baseWeights: 'nf4', data: 'rows.csv' })).toBe(
    'Choose the type of the base weights under Task. Open its files under Data.',
  );
});
