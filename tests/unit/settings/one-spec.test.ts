/** The same choices give one specification, whether a form, flags or a recipe makes them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dataOptionsFrom, optionsFrom } from '../../../src/app/train/recipe.ts';
import { START } from '../../../src/app/train/kept-settings.ts';
import type { Output } from '../../../src/cli/output.ts';
import { recipeCommand } from '../../../src/cli/recipe.ts';
import { flagsWithRecipe } from '../../../src/cli/recipe-flags.ts';
import { readGiven, trainFlags } from '../../../src/cli/train-flags.ts';
import type { DataOptions } from '../../../src/data/options.ts';
import { specOfForm } from '../../../src/runs/headless-command.ts';
import { readRecipe, recipeOf, writeRecipe, type Recipe } from '../../../src/settings/recipe.ts';
import type { Given } from '../../../src/settings/setting.ts';
import { specOf, type FormSpec } from '../../../src/settings/spec.ts';
import { PAGE_TABLE, TABLE } from '../../../src/settings/table.ts';

interface Choices {
  readonly form: Partial<FormSpec>;
  readonly data: DataOptions;
  readonly flags: readonly string[];
  readonly recipe: Recipe;
}

const SPLIT = { overlong: 'truncate-end', validation: 0.25, test: 0.1, seed: 9 } as const;
const SPLIT_FLAGS = '--overlong truncate-end --val-fraction 0.25 --test-fraction 0.1 --split-seed 9'.split(
  ' ',
);
const SPLIT_RECIPE = { overlong: 'truncate-end', validationFraction: 0.25, testFraction: 0.1, splitSeed: 9 };

const CASES: Readonly<Record<string, Choices>> = {
  'an adapter': {
    form: { steps: 40, lr: 0.01, rank: 4, alpha: 32, warmup: 3, evalEvery: 5, targets: ['q_proj', 'v_proj'] },
    data: { ...SPLIT, maxLength: 96, mapping: { prompt: '{{q}}', answer: '{{a}}' }, skip: [[3, 5, 6]] },
    flags: [
      ...'--steps 40 --lr 0.01 --rank 4 --alpha 32 --warmup 3 --eval-every 5 --max-length 96'.split(' '),
      ...'--targets q_proj,v_proj --prompt-template {{q}} --answer-template {{a}} --skip-rows 3,5-6'.split(
        ' ',
      ),
      ...SPLIT_FLAGS,
    ],
    recipe: {
      ...{ steps: 40, lr: 0.01, rank: 4, alpha: 32, warmup: 3, evalEvery: 5, maxLength: 96 },
      ...{
        targets: ['q_proj', 'v_proj'],
        promptTemplate: '{{q}}',
        answerTemplate: '{{a}}',
        skipRows: '3,5-6',
      },
      ...SPLIT_RECIPE,
    },
  },
  'an optimiser and an objective of their own': {
    form: {
      ...{ objective: 'dpo', optimiser: 'lion', steps: 20, lr: 1e-4, beta: 0.2, warmup: 2, packing: true },
      targets: ['q_proj'],
    },
    data: { ...SPLIT, maxLength: 64, dropCopies: true, header: false, delimiter: '\t' },
    flags: [
      ...'--objective dpo --optimiser lion --steps 20 --lr 1e-4 --beta 0.2 --warmup 2 --packing'.split(' '),
      ...'--targets q_proj --max-length 64 --drop-duplicates --header no --delimiter tab'.split(' '),
      ...SPLIT_FLAGS,
    ],
    recipe: {
      ...{ objective: 'dpo', optimiser: 'lion', steps: 20, lr: 1e-4, beta: 0.2, warmup: 2, packing: true },
      ...{ targets: ['q_proj'], maxLength: 64, dropDuplicates: true, header: 'no', delimiter: 'tab' },
      ...SPLIT_RECIPE,
    },
  },
  'all weights': {
    form: { method: 'full', lastLayers: 2, steps: 30, warmup: 1, lr: 3e-4, shuffle: false },
    data: { ...SPLIT, maxLength: 48, text: { documents: 'blank', overlap: 4 } },
    flags: [
      ...'--method full --last-layers 2 --steps 30 --warmup 1 --lr 3e-4 --no-shuffle'.split(' '),
      ...'--max-length 48 --documents blank --text-overlap 4'.split(' '),
      ...SPLIT_FLAGS,
    ],
    recipe: {
      ...{ method: 'full', lastLayers: 2, steps: 30, warmup: 1, lr: 3e-4, shuffle: false },
      ...{ maxLength: 48, documents: 'blank', textOverlap: 4 },
      ...SPLIT_RECIPE,
    },
  },
};

/** Settings that only the page has. */
const ITS_OWN = PAGE_TABLE.filter(({ part }) => part === 'page').map(({ name }) => name);
const shared = (spec: Given): Given =>
  Object.fromEntries(Object.entries(spec).filter(([name]) => !ITS_OWN.includes(name)));

async function fileOf(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-spec-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

describe.each(Object.entries(CASES))('%s', (_, { form, data, flags, recipe }) => {
  const asked = { ...START, ...form, maxLength: data.maxLength } as FormSpec;
  const specOfPage = (own: FormSpec, reading: DataOptions): Given =>
    shared(specOfForm(own, reading, { precision: 'f32' }));
  const specOfCall = async (args: readonly string[]): Promise<Given> =>
    specOf(readGiven(await flagsWithRecipe(trainFlags, [...args, '--precision', 'f32'], () => undefined)));

  test('is one specification by form, flags and recipe', async () => {
    const byForm = specOfPage(asked, data);
    const path = await fileOf('run.json', writeRecipe(recipe));
    expect(await specOfCall(flags)).toEqual(byForm);
    expect(await specOfCall(['--recipe', path])).toEqual(byForm);
    // Everything chosen is in it, under the name of the table.
    expect(byForm).toMatchObject(recipe);
    for (const name of Object.keys(byForm)) expect(TABLE.find(name), name).toBeDefined();
  });

  test('is taken into the form from a recipe', () => {
    const before = { ...START, targets: ['q_proj', 'v_proj'] };
    const read = readRecipe(JSON.stringify(recipe), 'run.json');
    const taken = optionsFrom(read, before, { targets: before.targets, trainRows: 100 });
    const reading = dataOptionsFrom(read, { ...SPLIT, maxLength: 512 });
    const { targets: _, ...chosen } = specOfPage({ ...taken, maxLength: reading.maxLength }, reading);
    expect(chosen).toMatchObject(
      Object.fromEntries(Object.entries(recipe).filter(([name]) => name !== 'targets')),
    );
  });
});

test('graft recipe prints what the page shows', async () => {
  const { form, data, flags } = CASES['an adapter'];
  const rows = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify({ q: `Where is ${i}?`, a: `It is ${i}.` }),
  );
  const path = await fileOf('rows.jsonl', rows.join('\n'));
  let printed = '';
  const output: Output = {
    ...{ line: () => undefined, progress: () => undefined, clear: () => undefined },
    result: (text) => void (printed += text),
  };
  const call = ['--model', 'public/models/sprig', '--data', path, '--precision', 'f32', '--json', ...flags];
  await recipeCommand(call, output);
  const { data: _, ...recipe } = JSON.parse(printed) as Recipe;
  const page = specOfForm({ ...START, ...form, maxLength: data.maxLength } as FormSpec, data, {
    precision: 'f32',
  });
  expect(recipe).toEqual(shared(recipeOf(page)));
});
