/**
 * Parity of tiny random-weight models with transformers and PEFT, in f32: logits, logits with an adapter, loss, gradients, greedy ids. The models of
 * tests/reference/families are in every clone; those of ../shared are larger.
 */
import { expect, test } from 'vitest';
import { readPeft } from '../../src/export/peft.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { greedy } from '../../src/model/sampling.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import type { FileSet } from '../../src/weights/bytes.ts';
import { describeShared, sharedFolder } from '../shared.ts';
import { describeDevice, onCpu } from './adapters.ts';
import { readJsonOf, readTensorsOf, referenceFolder } from './reference-file.ts';
import { worstError } from './run.ts';

const FAMILIES = [
  'llama',
  'llama-tied-mha',
  'llama3-rope-scaling',
  'llama-biases',
  'mistral-sliding',
  'qwen2',
  'qwen3',
  'gemma3',
  'gpt2',
  'smollm3',
  'olmo2',
  'granite',
  'phi3-partial-rope',
  'lfm2',
  'olmoe',
];

function describeFamilies(
  title: string,
  open: (...parts: string[]) => FileSet,
  names: readonly string[] = FAMILIES,
  onGpu = names,
): void {
  describeDevice(title, (context) => {
    for (const name of names) {
      const here = onGpu.includes(name) ? test : onCpu(test);
      here(name, async () => {
        const model = await LanguageModel.load(context.device, open(name), { precision: 'f32' });
        const { floats, integers } = await readTensorsOf(open(name), 'reference.safetensors');
        const ids = rowsOf(integers.get('ids')!);
        const labels = rowsOf(integers.get('labels')!);
        const rows = ids.map((row, i) => ({ ids: row, labels: labels[i] }));
        const { modules, tensors } = await readPeft(open(name, 'adapter'), model.definition);
        const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
        const V = model.definition.shape.vocabulary;
        for (const [i, row] of ids.entries()) {
          const part = (all: Float32Array): Float32Array =>
            all.subarray(i * row.length * V, (i + 1) * row.length * V);
          expect(worstError(await model.logits(row), part(floats.get('logits')!))).toBeLessThan(1e-4);
          expect(worstError(await model.logits(row, adapter), part(floats.get('logits_lora')!))).toBeLessThan(
            1e-4,
          );
        }
        const { loss, gradients } = await computeGradients({ model, adapter, store: adapter.store }, rows);
        expect(Math.abs(loss - floats.get('loss')![0])).toBeLessThan(1e-4);
        const expected = (await readTensorsOf(open(name), 'grads.safetensors')).floats;
        expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [tensor, values] of expected)
          expect(worstError(gradients.get(tensor)!, values), tensor).toBeLessThan(1e-3);

        // With only each layer's input kept and the rest recomputed: the same numbers.
        const again = await computeGradients({ model, adapter, store: adapter.store }, rows, {
          checkpointing: true,
        });
        for (const [tensor, values] of again.gradients)
          expect(worstError(gradients.get(tensor)!, values), `${tensor}, checkpointed`).toBeLessThan(1e-5);

        const text = await readJsonOf<{ prompt_ids: number[]; new_ids: number[] }>(open(name), 'greedy.json');
        const prompt = text.prompt_ids;
        const generator = new Generator(model, 3, 64);
        // Beside prompts of other lengths, one of them longer than the windows of these models.
        const prompts = [ids[0].slice(0, 1), prompt, ids[1].slice(0, 21)];
        const generated = await generator.generate(prompts, {
          maxNewTokens: text.new_ids.length,
          sampling: greedy,
          seed: 0,
          stopIds: [],
        });
        expect(generated[1].ids).toEqual(text.new_ids);
        for (const [i, { ids: added }] of generated.entries()) {
          const whole = await model.logits([...prompts[i], ...added]);
          expect(added).toEqual(added.map((_, t) => best(whole, prompts[i].length - 1 + t, V)));
        }
        await context.device.settle();
        generator.destroy();
        adapter.destroy();
        await model.destroy();
      });
    }

    for (const name of ['gemma3', 'gpt2', 'granite', 'phi3-partial-rope', 'lfm2']) {
      const here = onGpu.includes(name) ? test : onCpu(test);
      here(`${name} in half precision: loss and gradients by its rounding`, async () => {
        const model = await LanguageModel.load(context.device, open(name), { precision: 'f16' });
        // The values in Gemma's residual are too large for f16.
        expect(model.activations).toBe(name === 'gemma3' || !context.f16 ? 'f32' : 'f16');
        const { floats, integers } = await readTensorsOf(open(name), 'reference.safetensors');
        const labels = rowsOf(integers.get('labels')!);
        const rows = rowsOf(integers.get('ids')!).map((row, i) => ({ ids: row, labels: labels[i] }));
        const { modules, tensors } = await readPeft(open(name, 'adapter'), model.definition);
        const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
        const { loss, gradients } = await computeGradients({ model, adapter, store: adapter.store }, rows);
        expect(Math.abs(loss - floats.get('loss')![0])).toBeLessThan(2e-2);
        const expected = (await readTensorsOf(open(name), 'grads.safetensors')).floats;
        for (const [tensor, values] of expected)
          expect(worstError(gradients.get(tensor)!, values), tensor).toBeLessThan(5e-2);
        adapter.destroy();
        await model.destroy();
      });
    }
  });
}

describeFamilies('Families', (...parts) => referenceFolder('families', ...parts));
describeShared('families', () => {
  describeFamilies(
    'Families of wider layers',
    (...parts) => sharedFolder('reference', 'families', ...parts),
    [...FAMILIES, 'qwen3-moe'],
    // Each family is on a GPU above, and here on the CPU engine: a GPU has what is wide, has windows, or experts.
    ['llama', 'gemma3', 'gpt2', 'qwen3-moe'],
  );
});

/** The id with the largest logit at a position. */
function best(logits: Float32Array, position: number, V: number): number {
  const row = logits.subarray(position * V, (position + 1) * V);
  return row.indexOf(row.reduce((most, value) => Math.max(most, value)));
}

/** A matrix of ids as rows. */
function rowsOf({ values, shape }: { values: number[]; shape: readonly number[] }): number[][] {
  const width = shape[shape.length - 1];
  return Array.from({ length: values.length / width }, (_, row) =>
    values.slice(row * width, (row + 1) * width),
  );
}
