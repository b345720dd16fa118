/** Recipes: the allowed content, by the reader and by the schema alike, and the precedence of flags. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { START } from '../../../src/app/train/kept-settings.ts';
import type { Flags } from '../../../src/cli/flags.ts';
import { planFlags } from '../../../src/cli/plan.ts';
import { flagsWithRecipe } from '../../../src/cli/recipe-flags.ts';
import { readAskedRows } from '../../../src/cli/row-flags.ts';
import { readGiven, trainFlags } from '../../../src/cli/train-flags.ts';
import { GraftError } from '../../../src/errors.ts';
import { METHODS } from '../../../src/settings/registry.ts';
import { readRecipe, recipeOf, writeRecipe, type Recipe } from '../../../src/settings/recipe.ts';
import { recipeSchema, writeSchema } from '../../../src/settings/schema.ts';
import type { Setting, SettingValue } from '../../../src/settings/setting.ts';
import { PAGE_TABLE, TABLE } from '../../../src/settings/table.ts';
import { specOfForm } from '../../../src/runs/headless-command.ts';
import { graftError } from '../expect-graft-error.ts';
import { accepts } from './json-schema.ts';
import { specOf, type RunSpec } from '../../../src/settings/spec.ts';

/** The settings of a call, with the defaults of no model. */
const optionsOfFlags = (flags: Flags<typeof trainFlags>): RunSpec => specOf(readGiven(flags));

/** Answers as it learns are the page's. */
const withoutAnswers = ({ sampleEvery: _, samplePrompt: __, ...spec }: RunSpec): RunSpec => spec;

const read = (recipe: object): Recipe => readRecipe(JSON.stringify(recipe), 'run.json');

async function recipeFile(recipe: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-recipe-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'run.json');
  await writeFile(path, writeRecipe(recipe as Recipe));
  return path;
}
const withRecipe = async (recipe: object, ...args: string[]): Promise<Flags<typeof trainFlags>> =>
  flagsWithRecipe(trainFlags, ['--recipe', await recipeFile(recipe), ...args], () => undefined);

/** An allowed value of a setting. */
function valuesOf(setting: Setting): fc.Arbitrary<SettingValue> {
  const word = fc.stringMatching(/^[a-z][a-z_.]{0,8}$/);
  switch (setting.type) {
    case 'integer':
    case 'number':
    case 'pattern': {
      const { min, above = -Infinity, max, below, type } = setting;
      const whole = type === 'integer' || (type === 'pattern' && setting.whole === true);
      const from = Math.max(min ?? 0, above);
      const to = Math.min(max ?? 1e6, below ?? 1e6, 1e6);
      const numbers = whole
        ? fc.integer({ min: from, max: to })
        : fc.double({ min: from, max: to, minExcluded: min === undefined, maxExcluded: true, noNaN: true });
      return type === 'pattern' ? fc.dictionary(word, numbers, { maxKeys: 3 }) : numbers;
    }
    case 'switch':
      return fc.boolean();
    case 'choice':
      return fc.constantFrom(...setting.choices);
    case 'text':
      return fc.string({ maxLength: 10 });
    case 'numbers':
      return fc.uniqueArray(fc.integer({ min: setting.min ?? 0, max: 99 }), { maxLength: 3 });
    case 'names':
      return fc.array(word, { minLength: 1, maxLength: 3 });
    case 'rewards':
      return fc.array(
        fc.oneof(
          fc.record({ name: fc.constant('exact-match'), weight: fc.constantFrom(1, 0.5, -2) }),
          fc.record({
            name: fc.constant('regex'),
            weight: fc.constant(1),
            pattern: fc.constantFrom('a,b', '[{]"'),
          }),
        ),
        { minLength: 1, maxLength: 3 },
      );
  }
}

/** Anything that JSON can hold, numbers near the limits among it. */
const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(0, -0.5, 0.5, 1, 1.5, 10, 10.5, 1024, 1025, 2 ** 53, 'yes', 'cosine', '', ' ', true, null),
  fc.dictionary(fc.constantFrom('q_proj', 'a b', '.*'), fc.constantFrom(0, 1, 2.5, 4096)),
  fc.array(fc.constantFrom('', 'q_proj', 1)),
);

describe('the schema', () => {
  const schema = recipeSchema();
  test('is published as the table has it', async () => {
    const path = join(import.meta.dirname, '../../../public/recipe.schema.json');
    expect(await readFile(path, 'utf8'), 'run node scripts/recipe-schema.mjs').toBe(writeSchema());
  });

  test.each(TABLE.settings.map((setting) => [setting.name, setting] as const))(
    'takes for %s what the reader takes',
    (name, setting) => {
      // A run that has the setting at all.
      const context = TABLE.applies(setting, {})
        ? {}
        : Object.fromEntries(
            Object.entries(TABLE.owners(setting)).map(([chooser, [first]]) => [chooser, first]),
          );
      fc.assert(
        fc.property(fc.oneof(anything, valuesOf(setting)), (value) => {
          const recipe = JSON.parse(JSON.stringify({ ...context, [name]: value })) as Record<string, unknown>;
          let code = 'none';
          try {
            read(recipe);
          } catch (error) {
            code = error instanceof GraftError ? error.code : 'other';
          }
          expect(['none', 'recipe']).toContain(code);
          expect(accepts(schema, recipe), JSON.stringify(recipe)).toBe(code === 'none');
        }),
        { numRuns: 200 },
      );
    },
  );

  test('knows no key that the table does not', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (key) => {
        fc.pre(TABLE.find(key) === undefined && key !== '$schema' && key !== '__proto__');
        expect(accepts(schema, { [key]: 1 })).toBe(false);
        expect(() => read({ [key]: 1 })).toThrow(GraftError);
      }),
    );
  });
});

describe('an invalid recipe', () => {
  test.each<[object, string, string]>([
    [{ learningrate: 1 }, 'run.json: there is no setting "learningrate". Did you mean lr?', 'Leave it out'],
    [{ wibble: 1 }, 'run.json: there is no setting "wibble".', 'Leave it out'],
    [{ maxlength: 1 }, 'run.json: there is no setting "maxlength". Did you mean maxLength?', 'Leave it out'],
    [{ 'lr-ratio': 4 }, 'run.json: there is no setting "lr-ratio". Did you mean rateRatio?', 'Leave it out'],
    [{ weight_decay: 0 }, 'run.json: there is no setting "weight_decay". Did you mean weightDecay?', 'Leave'],
    [{ learning_rate: 4 }, 'run.json: there is no setting "learning_rate". Did you mean lr?', 'Leave it out'],
    [{ stpes: 4 }, 'run.json: there is no setting "stpes". Did you mean steps?', 'Leave it out'],
    [{ rank: 2000 }, 'run.json: rank is 2000.', 'Choose a whole number from 1 to 1024.'],
    [{ schedule: 'cosin' }, 'run.json: schedule is "cosin".', 'Choose constant, linear or cosine.'],
    [{ lr: '1e-3' }, 'run.json: lr is "1e-3".', 'Choose a number above 0, at most 10.'],
    [{ steps: 5, warmup: 6 }, 'run.json: warmup is 6.', 'Choose at most the 5 steps of the run.'],
    [
      { steps: 5, epochs: 6 },
      'run.json: steps and epochs say the same in two ways.',
      'Leave one of them out.',
    ],
    [
      { method: 'full', rank: 4 },
      'run.json: rank is 4, and it is for LoRA, DoRA, PiSSA, EVA or LoHa.',
      'Leave it out.',
    ],
    [[1], 'run.json: a recipe is an object, and this is none.', 'Write settings as'],
  ])('%j is named by key and value, with what may stand there', async (recipe, what, remedy) => {
    const error = await graftError(() => read(recipe), 'recipe');
    expect(error.what).toBe(what);
    expect(error.remedy).toContain(remedy);
  });

  test('is called a syntax error if the file is not JSON', async () => {
    await graftError(() => readRecipe('{"steps": 5,}', 'run.json'), 'json-syntax');
  });
});

describe('flags and recipes', () => {
  test("are equivalent: settings of a form, as a recipe, as flags, as the trainer's options", async () => {
    const form = PAGE_TABLE.filter(({ name }) => !['name', 'samplePrompt'].includes(name));
    const settings = fc.record(Object.fromEntries(form.map((setting) => [setting.name, valuesOf(setting)])));
    const path = await recipeFile({});
    await fc.assert(
      fc.asyncProperty(settings, async (chosen) => {
        const options = { ...START, ...chosen, samplePrompt: 'x', name: 'n' } as typeof START;
        const { warmup, steps, batch, beta } = options;
        // Settings that no rule refuses.
        const sane = {
          ...options,
          ...{ warmup: Math.min(warmup, steps), batch: Math.max(2, batch), patience: 0, beta: beta || 1 },
        };
        const recipe = recipeOf(specOfForm(sane, undefined, { precision: 'f32' }));
        await writeFile(path, writeRecipe(recipe));
        expect(readRecipe(writeRecipe(recipe), path)).toEqual(recipe);
        const asked = optionsOfFlags(await flagsWithRecipe(trainFlags, ['--recipe', path], () => undefined));
        const { name: _, ...spec } = specOfForm(sane, undefined, { precision: 'f32' });
        expect(asked).toEqual(withoutAnswers(spec));
      }),
      { numRuns: 50 },
    );
  });

  test('every setting of the trainer has a flag, and every method its settings', () => {
    for (const { name, part, flag } of TABLE.settings) {
      if (part !== 'page') expect(Object.hasOwn(trainFlags, flag ?? ''), name).toBe(true);
    }
    for (const { settings } of METHODS)
      for (const setting of settings) expect(TABLE.settings).toContain(setting);
  });

  const RECIPE = {
    steps: 40,
    lr: 0.01,
    rank: 4,
    alpha: 32,
    packing: true,
    shuffle: false,
    rankPattern: { q_proj: 2 },
  };
  test('flags go before the recipe', async () => {
    expect(optionsOfFlags(await withRecipe(RECIPE))).toMatchObject({
      ...{ steps: 40, lr: 0.01, packing: true, shuffle: false, warmup: 4 },
      ...{ rank: 4, alpha: 32, rankPattern: { q_proj: 2 } },
    });
    const flags = await withRecipe(
      RECIPE,
      '--lr',
      '0.5',
      '--no-packing',
      '--shuffle',
      '--rank-pattern',
      'v_proj=3',
    );
    expect(optionsOfFlags(flags)).toMatchObject({
      ...{ steps: 40, lr: 0.5, packing: false, shuffle: true },
      ...{ rank: 4, rankPattern: { v_proj: 3 } },
    });
    const epochs = optionsOfFlags(await withRecipe(RECIPE, '--epochs', '2'));
    expect([epochs.steps, epochs.epochs]).toEqual([undefined, 2]);
    const full = optionsOfFlags(await withRecipe(RECIPE, '--method', 'full'));
    expect(full).toMatchObject({ method: 'full', steps: 40, rank: 8 });
    const going = await withRecipe(RECIPE, '--init-adapter', 'a');
    expect(optionsOfFlags(going)).toMatchObject({ lr: 0.01, rank: 8, rankPattern: {} });
  });

  test('columns and split come from the recipe', async () => {
    const flags = await withRecipe(
      {
        ...{ promptTemplate: '{{q}}', answerTemplate: '{{a}}', delimiter: ';', header: 'no' },
        ...{ moreData: ['a,b.csv', 'c.csv'], skipRows: '3,5-6', dropDuplicates: true },
        ...{ overlong: 'drop', validationFraction: 0.2, testFraction: 0.1, splitSeed: 9, baseWeights: 'nf4' },
      },
      ...['--data', 'rows.csv', '--answer-template', '{{b}}'],
    );
    expect(readAskedRows(flags, 1)).toEqual({
      ...{ file: 'rows.csv', more: ['a,b.csv', 'c.csv'] },
      options: {
        ...{ mapping: { prompt: '{{q}}', answer: '{{b}}' }, header: false, delimiter: ';' },
        ...{ skip: [[3, 5, 6]], dropCopies: true },
        ...{ overlong: 'drop', validation: 0.2, test: 0.1, seed: 9 },
      },
    });
    expect(flags.text('base-weights')).toBe('nf4');
    const text = await withRecipe(
      { promptTemplate: '{{q}}', answerTemplate: '{{a}}' },
      '--data',
      'r',
      '--text-template',
      'x',
    );
    expect(readAskedRows(text, 1).options.mapping).toEqual({ text: 'x' });
  });

  test('the planner takes what it has a flag for', async () => {
    const path = await recipeFile({ ...RECIPE, maxLength: 96, batch: 2 });
    const flags = await flagsWithRecipe(planFlags, ['--recipe', path, '--rank', '16'], () => undefined);
    expect([flags.text('max-length'), flags.text('batch'), flags.text('rank')]).toEqual(['96', '2', '16']);
    expect(flags.pattern('rank-pattern')).toEqual({ q_proj: 2 });
  });
});

test('a recipe in which a setting stands twice is refused', async () => {
  const text = '{"steps": 60, "lr": 0.001, "steps": 6}';
  const { what } = await graftError(() => readRecipe(text, 'run.json'), 'json-repeated');
  expect(what).toBe('run.json has the key "steps" twice in one object.');
});
