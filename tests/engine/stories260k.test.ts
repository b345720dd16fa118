/**
 * Parity of a real pre-trained model with transformers and PEFT, in f32: published text, logits, gradients, and 30-step curves. The CPU engine
 * follows each curve to its end once, packed or not. The other way, and a software GPU, where a step takes long, follow it for its first steps.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPeft } from '../../src/export/peft.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { greedy } from '../../src/model/sampling.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { describeShared, sharedFolder, sharedJson, sharedJsonl } from '../shared.ts';
import { describeDevice, onCpu } from './adapters.ts';
import { readReference } from './reference-file.ts';
import { worstError } from './run.ts';
import { defaultSpec, type RunSpec } from '../../src/settings/spec.ts';

const MODEL = ['models', 'stories260K'];
const REFERENCE = ['reference', 'stories260K'];
/** By then, the losses show warm-up, updates and a changing rate. */
const FIRST_STEPS = 6;

interface Row {
  ids: number[];
  labels: number[];
}
interface Metrics {
  step: number;
  loss: number;
  lr: number;
  grad_norm: number;
  supervised_tokens: number;
}
interface Settings {
  batch: number;
  accumulate: number;
  steps: number;
  lr: number;
  schedule: 'constant' | 'linear' | 'cosine';
  warmup?: number;
  weight_decay: number;
  clip: number;
}

describeShared('stories260K', () => {
  describeDevice('stories260K', (context) => {
    let model: LanguageModel;
    beforeAll(async () => {
      model = await LanguageModel.load(context.device, sharedFolder(...MODEL), { precision: 'f32' });
    });
    afterAll(() => model.destroy());

    const openAdapter = async (path: string[], trainable = false): Promise<Adapter> => {
      const { modules, tensors } = await readPeft(sharedFolder(...path), model.definition);
      return new Adapter(context.device, modules, tensors, { trainable });
    };

    test('writes the greedy text of transformers to the letter, for prompts one by one and all at once', async () => {
      const tokenizer = await loadTokenizer(sharedFolder(...MODEL));
      const cases = sharedJson<{ prompt: string; prompt_ids: number[]; new_ids: number[]; text: string }[]>(
        ...REFERENCE,
        'greedy.json',
      );
      const generator = new Generator(model, cases.length, 256);
      const options = { maxNewTokens: cases[0].new_ids.length, sampling: greedy, seed: 0, stopIds: [] };
      const together = await generator.generate(
        cases.map(({ prompt_ids }) => prompt_ids),
        options,
      );
      for (const [i, { prompt_ids, new_ids, text }] of cases.entries()) {
        expect(together[i].ids).toEqual(new_ids);
        const [alone] = await generator.generate([prompt_ids], options);
        expect(alone.ids).toEqual(new_ids);
        expect(tokenizer.decode([...prompt_ids, ...alone.ids], { skipSpecialTokens: true })).toBe(text);
      }
      await context.device.settle();
      generator.destroy();
    });

    test('logits of the base and of five adapters made by PEFT', async () => {
      const read = async (path: string[]): Promise<{ ids: number[]; logits: Float32Array }> => {
        const { floats, integers } = await readReference([...path, 'logits.safetensors']);
        return { ids: integers.get('ids')!.values, logits: floats.get('logits')! };
      };
      const base = await read(REFERENCE);
      expect(worstError(await model.logits(base.ids), base.logits)).toBeLessThan(1e-5);
      for (const name of ['lora', 'attention_only', 'rslora', 'patterns', 'dora']) {
        const adapter = await openAdapter([...REFERENCE, name, 'adapter']);
        const { ids, logits } = await read([...REFERENCE, name]);
        expect(worstError(await model.logits(ids, adapter), logits), name).toBeLessThan(1e-5);
        adapter.destroy();
      }
    });

    test('loss and gradients of five adapters', async () => {
      const rows = sharedJsonl<Row>(...REFERENCE, 'rows.jsonl').slice(0, 4);
      for (const name of ['lora', 'attention_only', 'rslora', 'patterns', 'dora']) {
        const adapter = await openAdapter([...REFERENCE, name, 'adapter'], true);
        const { floats } = await readReference([...REFERENCE, name, 'grads.safetensors']);
        // PEFT's parameter has a name that is longer than that of its tensor in a file.
        const expected = new Map(
          [...floats].map(([key, values]) => [
            key.replace('magnitude_vector.weight', 'magnitude_vector'),
            values,
          ]),
        );
        for (const checkpointing of [false, true]) {
          const { loss, gradients } = await computeGradients({ model, adapter, store: adapter.store }, rows, {
            checkpointing,
          });
          expect(
            Math.abs(loss - sharedJson<{ loss: number }>(...REFERENCE, name, 'loss.json').loss),
          ).toBeLessThan(1e-5);
          expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
          for (const [tensor, values] of expected)
            expect(worstError(gradients.get(tensor)!, values), `${name} ${tensor}`).toBeLessThan(1e-4);
        }
        await context.device.settle();
        adapter.destroy();
      }
    });

    test('loss and gradients of all base weights', async () => {
      const rows = sharedJsonl<Row>(...REFERENCE, 'rows.jsonl').slice(0, 4);
      const full = await LanguageModel.load(context.device, sharedFolder(...MODEL), {
        precision: 'f32',
        trainable: true,
      });
      const { loss, gradients } = await computeGradients({ model: full, store: full.parameters! }, rows);
      expect(
        Math.abs(loss - sharedJson<{ loss: number }>(...REFERENCE, 'full', 'loss.json').loss),
      ).toBeLessThan(1e-5);
      const expected = (await readReference([...REFERENCE, 'full', 'grads.safetensors'])).floats;
      for (const [tensor, values] of expected) {
        if (tensor === 'lm_head.weight') continue;
        expect(worstError(gradients.get(tensor)!, values), tensor).toBeLessThan(1e-4);
      }
      await full.destroy();
    });

    const options = (settings: Settings, method: 'lora' | 'full', packing: boolean): RunSpec => ({
      ...defaultSpec(method),
      steps: settings.steps,
      batch: settings.batch,
      accumulate: settings.accumulate,
      lr: settings.lr,
      schedule: settings.schedule,
      warmup: settings.warmup ?? 0,
      weightDecay: settings.weight_decay,
      clip: settings.clip,
      maxLength: 256,
      shuffle: false,
      packing,
    });

    for (const name of ['constant', 'linear', 'cosine', 'full'] as const) {
      for (const packing of [false, true]) {
        // One of the two goes to the end. What packing changes shows in a step: the schedules have that of an adapter and of all weights.
        const main = packing === (name === 'cosine');
        if (!main && !['cosine', 'full'].includes(name)) continue;
        // A software GPU follows one of an adapter, and one of all weights.
        const follow = main && ['cosine', 'full'].includes(name) ? test : onCpu(test);
        follow(`the 30-step curve "${name}"${packing ? ', packed' : ''}`, async () => {
          const settings = sharedJson<Settings>(...REFERENCE, 'curves', name, 'settings.json');
          const metrics = sharedJsonl<Metrics>(...REFERENCE, 'curves', name, 'metrics.jsonl');
          const rows = sharedJsonl<Row>(...REFERENCE, 'rows.jsonl');
          const full = name === 'full';
          const trained = full
            ? await LanguageModel.load(context.device, sharedFolder(...MODEL), {
                precision: 'f32',
                trainable: true,
              })
            : model;
          const adapter = full ? undefined : await openAdapter([...REFERENCE, 'lora', 'adapter'], true);
          const steps: StepEvent[] = [];
          const trainer = await Trainer.create({
            trainable: { model: trained, adapter, store: adapter?.store ?? trained.parameters! },
            options: options(settings, full ? 'full' : 'lora', packing),
            rows,
            onEvent: (event) => event.type === 'step' && steps.push(event),
          });
          const whole = main && !context.webgpu;
          expect(await trainer.run(whole ? Infinity : FIRST_STEPS)).toBe(whole ? 'done' : 'paused');
          expect(steps).toHaveLength(whole ? metrics.length : FIRST_STEPS);
          metrics.slice(0, steps.length).forEach((expected, i) => {
            expect(steps[i].supervisedTokens).toBe(expected.supervised_tokens);
            expect(Math.abs(steps[i].lr - expected.lr)).toBeLessThan(1e-9);
            expect(Math.abs(steps[i].loss - expected.loss), `loss of step ${i + 1}`).toBeLessThan(1e-4);
            expect(
              Math.abs(steps[i].gradNorm - expected.grad_norm) / expected.grad_norm,
              `norm of step ${i + 1}`,
            ).toBeLessThan(1e-3);
          });
          if (adapter && whole) {
            const expected = (
              await readReference([...REFERENCE, 'curves', name, 'adapter', 'adapter_model.safetensors'])
            ).floats;
            const values = await trainer.result();
            for (const [tensor, reference] of expected)
              expect(worstError(values.get(tensor)!, reference), tensor).toBeLessThan(2e-3);
          }
          await trainer.destroy();
          adapter?.destroy();
          if (full) await trained.destroy();
        });
      }
    }
  });
});
