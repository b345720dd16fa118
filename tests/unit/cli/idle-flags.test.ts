/** Settings that would do nothing: the command refuses them with the reason. That all others do something is tests/long/setting-effects.test.ts. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkReading } from '../../../src/cli/file-kinds.ts';
import { Flags } from '../../../src/cli/flags.ts';
import { flagsWithRecipe } from '../../../src/cli/recipe-flags.ts';
import { readGiven, startKind, trainFlags } from '../../../src/cli/train-flags.ts';
import { idleSettings } from '../../../src/settings/idle.ts';
import { METHODS, REGISTRY } from '../../../src/settings/registry.ts';
import { TABLE } from '../../../src/settings/table.ts';
import { graftError } from '../expect-graft-error.ts';
import { specFor } from '../../../src/settings/spec.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-idle-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const read = (...args: string[]) => {
  const flags = new Flags(trainFlags, args);
  return startKind(flags).then((start) => readGiven(flags, start));
};
function adapter(name: string, config: object): string {
  mkdirSync(at(name), { recursive: true });
  writeFileSync(join(at(name), 'adapter_config.json'), JSON.stringify(config));
  return at(name);
}

describe('a setting that does nothing', () => {
  test.each(
    METHODS.filter(({ settings }) => !settings.some(({ name }) => name === 'dropout')).flatMap(({ name }) => [
      [name, '--dropout', '0.1'],
      [name, '--lr-ratio', '4'],
    ]),
  )('is refused: %s has no %s', async (method, flag, value) => {
    const { what } = await graftError(() => read('--method', method, flag, value), 'arguments');
    expect(what).toMatch(new RegExp(`^${flag} is for LoRA, DoRA, PiSSA or EVA\\.$`));
  });

  test.each([
    [['--steps', '5', '--epochs', '3'], '--epochs would do nothing, since the number of steps is given.'],
    [
      ['--forgetting-every', '5'],
      '--forgetting-every would do nothing, since what is forgotten is not measured.',
    ],
    [['--split-seed', '5'], '--split-seed would do nothing, since no rows are split off.'],
    [
      ['--objective', 'grpo', '--reward', 'length', '--epsilon', '0.1'],
      '--epsilon would do nothing, since with one update for each sample no probability has moved yet, and nothing is clipped.',
    ],
    [
      ['--objective', 'grpo', '--reward', 'length', '--packing'],
      '--packing would do nothing, since sampled answers are not packed.',
    ],
    [
      ['--objective', 'grpo', '--reward', 'length', '--reference', 'base'],
      '--reference would do nothing, since beta is 0, and nothing is compared with a reference policy.',
    ],
    [
      ['--objective', 'dpo', '--method', 'full', '--reference', 'base'],
      '--reference would do nothing, since full fine-tuning is compared with the model as it was before.',
    ],
  ])('is refused: %j', async (args, what) => {
    expect((await graftError(() => read(...args), 'arguments')).what).toBe(what);
  });

  test.each([
    [['--forgetting', '--forgetting-every', '5']],
    [['--split-seed', '5', '--val-fraction', '0.1']],
    [['--objective', 'grpo', '--reward', 'length', '--epsilon', '0.1', '--num-iterations', '2']],
    [['--objective', 'grpo', '--reward', 'length', '--reference', 'base', '--beta', '0.1']],
    // What holds anyway may be said.
    [['--split-seed', '42']],
    [['--objective', 'grpo', '--reward', 'length', '--epsilon', '0.2']],
  ])('is taken where it does something: %j', async (args) => {
    await expect(read(...args)).resolves.toBeDefined();
  });

  test('is named with the recipe that has it', async () => {
    writeFileSync(at('run.json'), JSON.stringify({ forgettingEvery: 5, steps: 10 }));
    const flags = await flagsWithRecipe(trainFlags, ['--recipe', at('run.json')], () => undefined);
    const { what } = await graftError(() => readGiven(flags), 'arguments');
    expect(what).toBe(
      `forgettingEvery of ${at('run.json')} would do nothing, since what is forgotten is not measured.`,
    );
  });

  test('is none of the defaults, for any method, objective and optimiser', () => {
    for (const { name: method } of METHODS)
      for (const { name: objective } of REGISTRY.objectives)
        for (const { name: optimiser } of REGISTRY.optimisers) {
          const { epochs: _, ...values } = TABLE.resolve({ method, objective, optimiser });
          expect(idleSettings({ ...values, splitSeed: values['seed'] })).toEqual([]);
        }
  });
});

test('settings of a recipe that the flags of a call replace are named', async () => {
  const recipe = { rank: 4, alpha: 16, steps: 10, sampleEvery: 5, samplePrompt: 'Who?' };
  writeFileSync(at('lora.json'), JSON.stringify(recipe));
  const told: string[] = [];
  await flagsWithRecipe(
    trainFlags,
    ['--recipe', at('lora.json'), '--method', 'ia3', '--epochs', '2'],
    (line) => void told.push(line),
  );
  expect(told).toEqual([
    `Left out of ${at('lora.json')}, since the flags of this call go before them: rank, alpha, steps.`,
    `Left out of ${at('lora.json')}: sampleEvery and samplePrompt. Only the page shows sampled answers during a run.`,
  ]);
});

describe('a run that starts from an adapter', () => {
  const lora = adapter('lora', { peft_type: 'LORA', r: 8, target_modules: ['q_proj'] });
  const ia3 = adapter('ia3', { peft_type: 'IA3', target_modules: ['k_proj'], feedforward_modules: [] });

  test('has its method, and the rate of that', async () => {
    const given = await read('--init-adapter', ia3);
    const about = { parameters: 1_300_000, rows: 100 };
    expect(given).toEqual({ method: 'ia3', initAdapter: ia3 });
    expect(specFor(given, about).lr).toBe(10 * specFor({}, about).lr);
    expect(await read('--init-adapter', lora, '--method', 'lora')).toMatchObject({ method: 'lora' });
  });

  test.each(['dora', 'pissa', 'eva', 'ia3', 'prompt', 'norms'])(
    'refuses --method %s for LoRA',
    async (method) => {
      const { what } = await graftError(() => read('--init-adapter', lora, '--method', method), 'arguments');
      expect(what).toBe(`--method ${method} is given, and the adapter of --init-adapter is LoRA.`);
    },
  );

  test('refuses what its kind does not have', async () => {
    const { what } = await graftError(() => read('--init-adapter', ia3, '--dropout', '0.1'), 'arguments');
    expect(what).toContain('--dropout is for LoRA');
  });
});

describe('flags about reading', () => {
  const files = {
    'a.jsonl': '{"prompt":"a","completion":"b"}\n',
    'a.csv': 'prompt,completion\na,b\n',
    'a.txt': 'One.\n\nTwo.\n',
  };
  const check = (name: string, ...args: string[]) =>
    checkReading(new Flags(trainFlags, ['--data', at(name), ...args]));
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);

  test.each([
    ['a.jsonl', ['--documents', 'blank']],
    ['a.jsonl', ['--text-rows', 'packed']],
    ['a.csv', ['--text-overlap', '4']],
    ['a.jsonl', ['--header', 'yes']],
    ['a.txt', ['--delimiter', ';']],
    ['a.txt', ['--overlong', 'drop']],
    ['a.txt', ['--drop-duplicates']],
    ['a.txt', ['--prompt-template', '{{a}}', '--answer-template', '{{b}}']],
  ])('%s: %j is refused', async (name, args) => {
    const { what } = await graftError(() => check(name, ...args), 'arguments');
    expect(what).toContain(`${args[0]} would do nothing`);
  });

  test.each([
    ['a.txt', ['--documents', 'blank', '--text-overlap', '4']],
    ['a.csv', ['--header', 'yes', '--delimiter', ',']],
    ['a.jsonl', ['--overlong', 'drop', '--drop-duplicates']],
    // One of the files is enough.
    ['a.jsonl', ['--more-data', at('a.txt'), '--documents', 'blank']],
    ['none.jsonl', ['--documents', 'blank']],
  ])('%s: %j is taken', async (name, args) => {
    await expect(check(name, ...args)).resolves.toBeUndefined();
  });
});
