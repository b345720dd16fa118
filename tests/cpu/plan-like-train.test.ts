/** `graft plan` and `graft recipe` read a call as `graft train` does: what they say is what the run takes and has. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEVICE_HERE, graft, graftHere, metricsOf, temporaryFolder, VOICE } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

/** No driver of a GPU, whatever the machine has. */
const NO_GPU = { VK_DRIVER_FILES: '/nonexistent.json' };
const at = temporaryFolder();
const PAIRS = VOICE.replace('voice/train.jsonl', 'more/pairs.jsonl');
const LISTS = VOICE.replace('voice/train.jsonl', 'lists/train.jsonl');

/** The peaks that a plan promises and a run reports. */
async function peaks(
  name: string,
  data: string,
  args: readonly string[],
): Promise<[planned: string, taken: string]> {
  const call = ['--model', SPRIG, '--data', data, '--max-length', '96', ...DEVICE_HERE, ...args];
  const plan = await graftHere(['plan', ...call]);
  const run = await graftHere(['train', ...call, '--out', at(name)]);
  return [
    /([\d.]+ [KMG]?B) {2}for training/.exec(plan.out)?.[1] ?? plan.err,
    /\(([\d.]+ [KMG]?B) of memory at its peak\)/.exec(run.err)?.[1] ?? run.err,
  ];
}

describe('a plan of the same call', () => {
  const STEP = ['--steps', '1'];
  test.each<[string, string, readonly string[]]>([
    ['defaults', VOICE, STEP],
    ['Lion', VOICE, [...STEP, '--optimiser', 'lion']],
    ['Muon, all weights', VOICE, [...STEP, '--optimiser', 'muon', '--method', 'full']],
    ['the head as a whole', VOICE, [...STEP, '--modules-to-save', 'lm_head']],
    ['two hundred virtual tokens', VOICE, [...STEP, '--method', 'prompt', '--virtual-tokens', '200']],
    ['norms of all weights', VOICE, [...STEP, '--method', 'full', '--train-weights', 'norms']],
    ['pairs', PAIRS, [...STEP, '--objective', 'dpo', '--val-fraction', '0.1']],
    [
      'thirty-two answers',
      LISTS,
      [
        ...STEP,
        '--objective',
        'grpo',
        '--reward',
        'length',
        '--num-generations',
        '32',
        '--max-completion-length',
        '16',
      ],
    ],
  ])('promises what the run takes: %s', async (name, data, args) => {
    const [planned, taken] = await peaks(name, data, args);
    expect(planned).toBe(taken);
    expect(taken).toMatch(/^[\d.]+ MB$/);
  });

  test('promises what a run takes that starts from an adapter of a higher rank', async () => {
    const call = ['--model', SPRIG, '--data', VOICE, '--max-length', '96', '--steps', '1', ...DEVICE_HERE];
    await graftHere(['train', ...call, '--rank', '512', '--out', at('first')]);
    const [planned, taken] = await peaks('next', VOICE, ['--steps', '1', '--init-adapter', at('first')]);
    expect(planned).toBe(taken);
  });

  test('assumes what a run takes here where no device is named, and says so', async () => {
    const call = ['plan', '--model', SPRIG, '--max-length', '96'];
    const usual = await graft(call, undefined, NO_GPU);
    const named = await graft([...call, '--device', 'cpu'], undefined, NO_GPU);
    expect(usual.out).toMatch(/^On the processor, in f\d\d, as graft train would run it here/);
    expect(named.out).toMatch(/^On the processor, in f\d\d:\n/);
    const [, ...rest] = usual.out.split('\n');
    expect(rest).toEqual(named.out.split('\n').slice(1));
    const typical = await graft([...call, '--device', 'typical'], undefined, NO_GPU);
    expect(typical.out).toMatch(/^On a typical GPU, in f16:\n/);
  });

  test('takes every setting of a recipe', async () => {
    const recipe = {
      optimiser: 'lion',
      method: 'prompt',
      virtualTokens: 100,
      batch: 2,
      accumulate: 2,
      steps: 1,
    };
    writeFileSync(at('run.json'), JSON.stringify(recipe));
    const [planned, taken] = await peaks('by-recipe', VOICE, ['--recipe', at('run.json')]);
    expect(planned).toBe(taken);
  });
});

describe('graft recipe', () => {
  test('prints the settings of a run, which a run with that recipe has', async () => {
    const call = [
      '--model',
      SPRIG,
      '--data',
      VOICE,
      '--max-length',
      '96',
      '--val-fraction',
      '0.1',
      '--method',
      'ia3',
    ];
    const { code, out } = await graftHere(['recipe', ...call, '--epochs', '0.2', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      method: 'ia3',
      lr: 0.04,
      batch: 8,
      validationFraction: 0.1,
      epochs: 0.2,
    });
    writeFileSync(at('recipe.json'), out);
    const files = ['--model', SPRIG, '--data', VOICE, ...DEVICE_HERE];
    await graftHere(['train', ...files, '--recipe', at('recipe.json'), '--out', at('by-file')]);
    await graftHere(['train', ...call, '--epochs', '0.2', ...DEVICE_HERE, '--out', at('by-flags')]);
    const losses = (name: string): number[] => metricsOf(at(name)).map(({ loss }) => loss);
    expect(losses('by-file')).toEqual(losses('by-flags'));
    expect(losses('by-file')).toHaveLength(8);
  });

  test('shows the defaults for a model that has only its configuration', async () => {
    mkdirSync(at('config'));
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
      writeFileSync(at('config', file), readFileSync(`${SPRIG}/${file}`));
    const { out } = await graftHere(['recipe', '--model', at('config'), '--data', VOICE, '--lr', '0.01']);
    expect(out).toMatch(/^ {2}lr +0\.01$/m);
    expect(out).toMatch(/^ {2}steps +120 {2}by default$/m);
  });
});
