/**
 * SmolLM2-135M-Instruct from its GGUF file, dequantised to f32, against transformers and PEFT. scripts/smollm2.mjs does all of it; this is the quick
 * part.
 */
import { expect, test } from 'vitest';
import { modelOf } from '../../src/cli/files.ts';
import { readPeft } from '../../src/export/peft.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { greedy } from '../../src/model/sampling.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { sharedFolder, sharedJson, sharedJsonl } from '../shared.ts';
import { describeSmolLM2, SMOLLM2_GGUF } from '../smollm2.ts';
import { describeDevice } from '../engine/adapters.ts';
import { readReference } from '../engine/reference-file.ts';
import { defaultSpec } from '../../src/settings/spec.ts';

const REFERENCE = ['reference', 'SmolLM2-135M-Instruct'];
const STEPS = 2;

describeSmolLM2('SmolLM2-135M-Instruct', () => {
  describeDevice('SmolLM2', (context) => {
    test('logits, an answer, and the first steps of training', async () => {
      const model = await LanguageModel.load(context.device, await modelOf(SMOLLM2_GGUF), {
        precision: 'f32',
        baseWeights: { matrices: 'f32' },
      });
      const { floats, integers } = await readReference([...REFERENCE, 'logits.safetensors']);
      const ids = integers.get('ids')!.values;
      const V = model.definition.shape.vocabulary;
      const logits = await model.logits(ids);
      expect(worst(logits.subarray((ids.length - 1) * V), floats.get('last')!)).toBeLessThan(1e-3);
      const top = integers.get('top_ids')!.values;
      const k = top.length / ids.length;
      const largest = top.map((id, i) => logits[Math.floor(i / k) * V + id]);
      expect(worst(largest, floats.get('top_values')!)).toBeLessThan(1e-3);
      const sums = ids.map((_, t) => logSumExp(logits.subarray(t * V, (t + 1) * V)));
      expect(worst(sums, floats.get('logsumexp')!)).toBeLessThan(1e-3);

      const [answer] = sharedJson<{ prompt_ids: number[]; new_ids: number[] }[]>(...REFERENCE, 'greedy.json');
      const generator = new Generator(model, 1, 128);
      const [{ ids: newIds }] = await generator.generate([answer.prompt_ids], {
        maxNewTokens: answer.new_ids.length,
        sampling: greedy,
        seed: 0,
        stopIds: [],
      });
      expect(newIds).toEqual(answer.new_ids);
      generator.destroy();

      const rows = sharedJsonl<{ ids: number[]; labels: number[] }>(...REFERENCE, 'rows.jsonl');
      const metrics = sharedJsonl<{ loss: number; grad_norm: number; supervised_tokens: number }>(
        ...REFERENCE,
        'curves',
        'constant',
        'metrics.jsonl',
      );
      const { modules, tensors } = await readPeft(
        sharedFolder(...REFERENCE, 'lora', 'adapter'),
        model.definition,
      );
      const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
      const steps: StepEvent[] = [];
      const trainer = await Trainer.create({
        trainable: { model, adapter, store: adapter.store },
        options: {
          ...defaultSpec(),
          steps: STEPS,
          batch: 2,
          lr: 5e-4,
          schedule: 'constant',
          warmup: 0,
          shuffle: false,
        },
        rows: rows.slice(0, 2 * STEPS),
        onEvent: (event) => event.type === 'step' && steps.push(event),
      });
      expect(await trainer.run()).toBe('done');
      expect(steps).toHaveLength(STEPS);
      steps.forEach((step, i) => {
        expect(step.supervisedTokens).toBe(metrics[i].supervised_tokens);
        expect(Math.abs(step.loss - metrics[i].loss), `loss of step ${i + 1}`).toBeLessThan(1e-3);
        const norm = metrics[i].grad_norm;
        expect(Math.abs(step.gradNorm - norm) / norm, `norm of step ${i + 1}`).toBeLessThan(1e-3);
      });
      await trainer.destroy();
      adapter.destroy();
      await model.destroy();
    });
  });
});

function worst(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours).toHaveLength(theirs.length);
  let most = 0;
  for (let i = 0; i < ours.length; i++) most = Math.max(most, Math.abs(ours[i] - theirs[i]));
  return most;
}

function logSumExp(row: Float32Array): number {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return most + Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0));
}
