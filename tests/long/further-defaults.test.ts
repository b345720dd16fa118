/**
 * More of the defaults of methods (tests/cpu/method-defaults.test.ts has one run for each kind of rows): answers are sampled and scored, a run starts from
 * another one's adapter, and pairs are put in the right order. Short: no more steps than needed to see it.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { START } from '../../src/app/train/kept-settings.ts';
import { presetOptions, withChoice } from '../../src/app/train/settings.ts';
import { suggest } from '../../src/settings/defaults.ts';
import { TUNING_METHODS } from '../../src/app/train/tuning-methods.ts';
import { readExamples } from '../../src/data/formats.ts';
import { prepareRows } from '../../src/data/prepare.ts';
import { evaluateLoss } from '../../src/evaluate/loss.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { openRewards, type RewardSpec } from '../../src/scorers/rewards/reward.ts';
import { rowsFor } from '../../src/runs/asked-rows.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import type { PromptRow } from '../../src/train/policy/prompts.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { AdapterInfo } from '../../src/worker/api.ts';
import { describeProcessor } from '../engine/adapters.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { specOf } from '../../src/settings/spec.ts';

const LAYERS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const SPRIG = { parameters: 1_300_000 };
/** As the form starts a run that answers no prompt as it learns. */
const QUIET = { sampleEvery: 0 };
const FRESH = { ...START, targets: LAYERS, maxLength: 96 };

const sample = (name: string): string =>
  readFileSync(new URL(`../../public/samples/${name}`, import.meta.url), 'utf8');

function rowsOf(tokenizer: Tokenizer, name: string, objective?: string): readonly PromptRow[] {
  const { examples } = readExamples(sample(name), { fileName: name });
  const { rows } = prepareRows(examples, tokenizer, { maxLength: 96 });
  return rowsFor(
    objective,
    rows,
    rows.map((row, at) => ({ row, example: examples[at] })),
  );
}

const choiceOf = (name: string) => TUNING_METHODS.find((method) => method.name === name)!.choice;

describeProcessor('The defaults of a method', (context) => {
  test('Preference (SimPO): most held-out pairs are in the right order', async () => {
    const tokenizer = await loadTokenizer(sprigFolder());
    const rows = rowsOf(tokenizer, 'more/pairs.jsonl');
    const [train, validation] = [rows.slice(0, -40), rows.slice(-40)];
    const chosen = withChoice(choiceOf('simpo'), FRESH);
    const options = specOf({ ...presetOptions('balanced', suggest(SPRIG), train.length, chosen), ...QUIET });
    const model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    const { trainable } = await makeTrainable(model, options);
    const trainer = await Trainer.create({ trainable, options, rows: train, validation });
    const accuracy = async (): Promise<number> => (await trainer.evaluate())!.report!['reward_accuracy']!;
    // The rejected answers are the model's own.
    expect(await accuracy()).toBeLessThan(0.1);
    expect(await trainer.run()).toBe('done');
    expect(await accuracy()).toBeGreaterThan(0.75);
    await trainer.destroy();
    trainable.adapter!.destroy();
    await model.destroy();
  });

  test('Rewards (GRPO): answers to prompts that were never sampled get a higher reward', async () => {
    const tokenizer = await loadTokenizer(sprigFolder());
    const rows = rowsOf(tokenizer, 'lists/train.jsonl', 'grpo');
    const validation = rowsOf(tokenizer, 'lists/test.jsonl', 'grpo').slice(0, 24);
    const chosen = withChoice(choiceOf('grpo'), FRESH);
    const form = presetOptions('quick', suggest(SPRIG), rows.length, chosen);
    expect(form).toMatchObject({ batch: 1, accumulate: 4, numGenerations: 8, temperature: 1 });
    // The reward is the sample's; everything else is the form's default for any rows.
    const [{ settings }] = (
      JSON.parse(sample('index.json')) as { id: string; settings: { rewards: RewardSpec[] } }[]
    ).filter(({ id }) => id === 'lists');
    const { rewards: specs } = settings;
    const options = specOf({ ...form, ...QUIET, steps: 14, maxCompletionLength: 24, rewards: specs });
    const rewards = await openRewards(specs);
    const model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    const { trainable } = await makeTrainable(model, options);
    const trainer = await Trainer.create({
      trainable,
      options,
      rows,
      validation,
      scoring: { tokenizer, rewards },
    });
    const before = (await trainer.evaluate())!.report!['reward']!;
    expect(await trainer.run()).toBe('done');
    const after = (await trainer.evaluate())!.report!['reward']!;
    expect(after).toBeGreaterThan(before + 0.05);
    rewards.close();
    await trainer.destroy();
    trainable.adapter!.destroy();
    await model.destroy();
  });

  test('Sequential fine-tuning: the second stage is learned, and the first is not lost', async () => {
    const tokenizer = await loadTokenizer(sprigFolder());
    const model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    const lossOf = async (name: string, adapter?: Adapter): Promise<number> =>
      (await evaluateLoss(model, rowsOf(tokenizer, name), adapter)).loss;
    const [first, second] = ['orders-json', 'voice'];
    const bare = await lossOf(`${first}/test.jsonl`);

    const rows = rowsOf(tokenizer, `${first}/train.jsonl`);
    const form = presetOptions('quick', suggest(SPRIG), rows.length, withChoice(choiceOf('lora'), FRESH));
    const { adapter: shape, ...stage } = await makeTrainable(model, specOf({ ...form, ...QUIET }));
    const trainer = await Trainer.create({ ...stage, rows });
    expect(await trainer.run()).toBe('done');
    const learned = await lossOf(`${first}/test.jsonl`, stage.trainable.adapter);
    expect(learned).toBeLessThan(0.5 * bare);
    const tensors = await trainer.result();
    await trainer.destroy();
    stage.trainable.adapter!.destroy();

    const { rank, alpha } = form;
    const adapter = { id: 'a', name: 'first', rank, alpha, targets: LAYERS } as unknown as AdapterInfo;
    const others = rowsOf(tokenizer, `${second}/train.jsonl`);
    const next = presetOptions(
      'quick',
      suggest(SPRIG),
      others.length,
      withChoice(choiceOf('stages'), FRESH, adapter),
    );
    expect(next.start).toEqual({ id: 'a', name: 'first' });
    const going = await makeTrainable(model, specOf({ ...next, ...QUIET }), { ...shape!, tensors });
    const before = await lossOf(`${second}/test.jsonl`, going.trainable.adapter);
    const run = await Trainer.create({ trainable: going.trainable, options: going.options, rows: others });
    expect(await run.run()).toBe('done');
    const own = going.trainable.adapter;
    expect(await lossOf(`${second}/test.jsonl`, own)).toBeLessThan(0.6 * before);
    // Some of it is forgotten, and most is not.
    expect(await lossOf(`${first}/test.jsonl`, own)).toBeLessThan(0.7 * bare);
    await run.destroy();
    own!.destroy();
    await model.destroy();
  });
});
