/** Likelihoods of choices in one pass over each prompt: those of transformers and PEFT, and those of scoring each prompt with each choice. */
import { expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { readPeft } from '../../src/export/peft.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { scoreChoices, type AskedChoices } from '../../src/model/choice-scores.ts';
import { describeDevice } from './adapters.ts';
import { readJsonOf, referenceFolder } from './reference-file.ts';
import { worstError } from './run.ts';

interface Reference {
  readonly rows: readonly AskedChoices[];
  readonly families: Readonly<Record<string, Readonly<Record<'base' | 'lora', readonly number[][]>>>>;
}

/** The log-probability of a choice from the logits of its whole sequence. */
async function alone(
  model: LanguageModel,
  prompt: readonly number[],
  choice: readonly number[],
): Promise<number> {
  const V = model.definition.shape.vocabulary;
  const logits = await model.logits([...prompt, ...choice]);
  return choice.reduce((sum, id, at) => {
    const row = logits.subarray((prompt.length - 1 + at) * V).subarray(0, V);
    return sum + row[id] - Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0));
  }, 0);
}

describeDevice('scoreChoices', (context) => {
  test('gives the likelihoods of transformers and PEFT, and those of each prompt with each choice', async () => {
    const { rows, families } = await readJsonOf<Reference>(referenceFolder('choices'), 'choices.json');
    for (const [name, { base, lora }] of Object.entries(families)) {
      const model = await LanguageModel.load(context.device, referenceFolder('families', name), {
        precision: 'f32',
      });
      const scored: number[] = [];
      const found = await scoreChoices(model, rows, undefined, (at) => scored.push(at));
      expect(scored).toEqual(rows.map((_, at) => at));
      expect(found.map((one) => one.length)).toEqual(rows.map(({ choices }) => choices.length));
      expect(worstError(found.flat(), base.flat()), name).toBeLessThan(1e-5);
      const [{ prompt, choices }] = rows;
      for (const [at, choice] of choices.entries())
        expect(Math.abs(found[0][at] - (await alone(model, prompt, choice))), name).toBeLessThan(1e-4);

      const { modules, tensors } = await readPeft(
        referenceFolder('families', name, 'adapter'),
        model.definition,
      );
      const adapter = new Adapter(context.device, modules, tensors, { trainable: false });
      expect(worstError((await scoreChoices(model, rows, adapter)).flat(), lora.flat()), name).toBeLessThan(
        1e-5,
      );
      await context.device.settle();
      adapter.destroy();
      await model.destroy();
    }
  });

  test('computes as many prompts at once as fit, with the same likelihoods', async () => {
    const model = await LanguageModel.load(context.device, referenceFolder('families', 'qwen3'), {
      precision: 'f32',
    });
    const choices = [[5], [6, 7]];
    const asked = Array.from({ length: 19 }, (_, at) => ({
      prompt: [9, 11, 12 + at, 30 + (at % 4)],
      choices,
    }));
    const found = await scoreChoices(model, asked);
    for (const at of [0, 7, 8, 18])
      expect(worstError(found[at], (await scoreChoices(model, [asked[at]]))[0])).toBeLessThan(1e-5);
    await model.destroy();
  });
});
