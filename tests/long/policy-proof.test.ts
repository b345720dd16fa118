/** Learning from a reward alone, in short: the bundled sample that no row solves (scripts/grpo-proof.mjs has the whole of it). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readExamples } from '../../src/data/formats.ts';
import { prepareRows } from '../../src/data/prepare.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { openRewards, type RewardSpec } from '../../src/scorers/rewards/reward.ts';
import { rowsFor } from '../../src/runs/asked-rows.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import type { Given } from '../../src/settings/setting.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { PromptRow } from '../../src/train/policy/prompts.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { describeProcessor } from '../engine/adapters.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { specOf } from '../../src/settings/spec.ts';

const sample = (name: string): string =>
  readFileSync(new URL(`../../public/samples/${name}`, import.meta.url), 'utf8');

describeProcessor('A reward as the only teacher', (context) => {
  test('teaches Sprig to name three things of a kind, starting as asked', async () => {
    const { settings } = (JSON.parse(sample('index.json')) as { id: string; settings: Given }[]).find(
      ({ id }) => id === 'lists',
    )!;
    const tokenizer = await loadTokenizer(sprigFolder());
    const rowsOf = (name: string): readonly PromptRow[] => {
      const { examples } = readExamples(sample(name), { fileName: name });
      const { rows } = prepareRows(examples, tokenizer, { maxLength: 96 });
      return rowsFor(
        'grpo',
        rows,
        rows.map((row, at) => ({ row, example: examples[at] })),
      );
    };
    const model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    const options = specOf({ ...settings, steps: 20, seed: 1 });
    const { trainable } = await makeTrainable(model, options);
    const rewards = await openRewards(settings['rewards'] as RewardSpec[]);
    /** The share of the last scored answers that are entirely right: a partly right one gets a part of the reward. */
    let right = 0;
    const trainer = await Trainer.create({
      ...{ trainable, options, rows: rowsOf('lists/train.jsonl'), validation: rowsOf('lists/test.jsonl') },
      scoring: {
        tokenizer,
        rewards: {
          names: rewards.names,
          shown: rewards.shown,
          async score(attempts) {
            const scored = await rewards.score(attempts);
            right = scored.filter(({ total }) => total === 1).length / scored.length;
            return scored;
          },
        },
      },
    });
    await trainer.evaluate();
    expect(right).toBeLessThan(0.2);
    expect(await trainer.run()).toBe('done');
    await trainer.evaluate();
    expect(right).toBeGreaterThan(0.5);
    rewards.close();
    await trainer.destroy();
    trainable.adapter!.destroy();
    await model.destroy();
  });
});
