/** Full fine-tuning of a part of the weights: against torch's numbers, in memory, and resumed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { defineModel } from '../../src/model/family.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { trainedPart, type TrainedPart } from '../../src/model/trained-part.ts';
import { planMemory } from '../../src/train/memory-plan.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { computeGradients } from '../../src/train/gradients.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import type { TrainerState } from '../../src/train/state.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import { describeOnCpu } from './adapters.ts';
import { sprigFolder, voiceRows } from './sprig.ts';
import { curve, expectSame } from './trainer-run.ts';
import { specOf } from '../../src/settings/spec.ts';

interface Gradient {
  readonly norm: number;
  readonly largest: number;
  readonly first: readonly number[];
}
interface Part {
  readonly settings: TrainedPart;
  readonly loss: number;
  readonly gradients: Readonly<Record<string, Gradient>>;
  readonly curve: readonly { readonly loss: number; readonly grad_norm: number }[];
}
const reference = JSON.parse(
  readFileSync(fileURLToPath(new URL('../reference/peft/layers.json', import.meta.url)), 'utf8'),
) as { rows: number; batch: number; steps: number; lr: number; clip: number; parts: Record<string, Part> };
const PARTS = Object.entries(reference.parts);

describeOnCpu('A part of the weights', (context) => {
  let rows: readonly PreparedRow[];
  beforeAll(async () => {
    rows = voiceRows(await loadTokenizer(sprigFolder()), 24);
  });

  const load = async (trainable: TrainedPart): Promise<LanguageModel> => {
    const model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32', trainable });
    onTestFinished(() => model.destroy());
    return model;
  };
  const options = specOf({
    ...{ method: 'full', steps: reference.steps, batch: reference.batch, accumulate: 1, lr: reference.lr },
    ...{ schedule: 'constant', warmup: 0, clip: reference.clip, shuffle: false, maxLength: 96 },
  });

  test.each(PARTS)("%s: torch's loss and gradients, and no others", async (_, part) => {
    const model = await load(part.settings);
    const store = model.parameters!;
    for (const checkpointing of [false, true]) {
      const { loss, gradients } = await computeGradients({ model, store }, rows.slice(0, reference.rows), {
        checkpointing,
      });
      expect(Math.abs(loss - part.loss)).toBeLessThan(1e-5);
      expect([...gradients.keys()].sort()).toEqual(Object.keys(part.gradients).sort());
      for (const [name, { norm, largest, first }] of Object.entries(part.gradients)) {
        const values = gradients.get(name)!;
        expect(Math.abs(Math.hypot(...values) / norm - 1), `norm of ${name}`).toBeLessThan(1e-4);
        first.forEach((value, i) =>
          expect(Math.abs(values[i] - value) / largest, `${name} ${i}`).toBeLessThan(1e-4),
        );
      }
    }
  });

  test.each(PARTS)("%s: torch's curve", async (_, part) => {
    const model = await load(part.settings);
    const told: StepEvent[] = [];
    const trainer = await Trainer.create({
      trainable: { model, store: model.parameters! },
      options: { ...options, ...part.settings } as typeof options,
      rows,
      onEvent: (event) => event.type === 'step' && told.push(event),
    });
    expect(await trainer.run()).toBe('done');
    expect(told).toHaveLength(part.curve.length);
    part.curve.forEach(({ loss, grad_norm }, i) => {
      expect(Math.abs(told[i].loss - loss), `loss of step ${i + 1}`).toBeLessThan(1e-4);
      expect(Math.abs(told[i].gradNorm / grad_norm - 1), `norm of step ${i + 1}`).toBeLessThan(1e-3);
    });
    await trainer.destroy();
  });

  test('resumes bit for bit from its files, which have only the trained weights', async () => {
    const part = { lastLayers: 1 };
    const curves: [whole: StepEvent[], parts: StepEvent[]] = [[], []];
    const ends: TrainerState[] = [];
    let state: TrainerState | undefined;
    for (const [count, events] of [
      [4, curves[0]],
      [2, curves[1]],
      [2, curves[1]],
    ] as const) {
      const model = await load(part);
      const trainer = await Trainer.create({
        trainable: { model, store: model.parameters! },
        options: { ...options, ...part, steps: 4 },
        rows,
        state,
        onEvent: (event) => event.type === 'step' && events.push(event),
      });
      await trainer.run(count);
      const saved = { state: await trainer.state(), fingerprint: 'f' };
      const read = await readState(memoryFiles(writeState(saved), 'run'));
      ends.push(read.state);
      if (events === curves[1]) ({ state } = read);
      await trainer.destroy();
    }
    expect(curve(curves[1])).toEqual(curve(curves[0]));
    expectSame(ends[2].values, ends[0].values);
    expectSame(ends[2].optimiser.get('second')!, ends[0].optimiser.get('second')!);
    expect([...ends[0].values.keys()].every((name) => /layers\.5\.|model\.norm/.test(name))).toBe(true);
  });

  test('takes gradients and moments only for trained weights, and goes no further back', async () => {
    const { definition } = await load({});
    const { lowering } = context.device;
    const plan = (part: TrainedPart) =>
      planMemory(lowering, definition, {
        precision: 'f32',
        options: { ...options, ...part } as typeof options,
      });
    const all = await plan({});
    const one = await plan({ lastLayers: 1 });
    const norms = await plan({ trainWeights: 'norms' });
    const bytes =
      4 *
      definition.weights
        .filter(trainedPart(definition, { lastLayers: 1 }))
        .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    // Vectors of 128 numbers and matrices are whole multiples of the alignment.
    expect(one.parts.gradients).toBe(bytes);
    expect(one.parts.optimiser).toBe(3 * bytes);
    expect(one.parts.base).toBe(all.parts.base);
    expect(norms.parts.gradients).toBe(4 * 13 * 128);
    // Five of six layers only run forward.
    expect(one.flops).toBeLessThan(0.55 * all.flops);
    expect(one.dispatches).toBeLessThan(0.6 * all.dispatches);
    expect(one.parts.activations).toBeLessThan(0.5 * all.parts.activations);
  });
});

test('an untied head counts as an embedding, and biases count as norms', () => {
  const tiny = defineModel(
    {
      ...{
        model_type: 'llama',
        vocab_size: 300,
        hidden_size: 48,
        intermediate_size: 92,
        num_hidden_layers: 3,
      },
      ...{ num_attention_heads: 4, num_key_value_heads: 2, attention_bias: true, tie_word_embeddings: false },
    },
    'tiny',
  );
  const names = (part: TrainedPart): string[] =>
    tiny.weights.filter(trainedPart(tiny, part)).map(({ name }) => name);
  const all = tiny.weights.map(({ name }) => name);
  expect(names({})).toEqual(all);
  expect(names({ trainWeights: 'no-embeddings' })).toEqual(
    all.filter((name) => name !== 'lm_head.weight' && name !== 'model.embed_tokens.weight'),
  );
  expect(names({ trainWeights: 'norms' })).toEqual(
    all.filter((name) => name.endsWith('.bias') || name.includes('norm')),
  );
  // More layers than there are: all of them.
  expect(names({ lastLayers: 9 })).toEqual(names({ trainWeights: 'no-embeddings' }));
  expect(
    names({ lastLayers: 2, trainWeights: 'norms' }).filter((name) => name.includes('layers.0.')),
  ).toEqual([]);
  const gpt2 = defineModel({ model_type: 'gpt2', n_embd: 32, n_layer: 2, n_head: 2, vocab_size: 64 }, 'gpt2');
  const last = gpt2.weights.filter(trainedPart(gpt2, { lastLayers: 1 })).map(({ name }) => name);
  expect(last.every((name) => name.includes('.h.1.') || name.includes('ln_f'))).toBe(true);
  expect(last).toContain('transformer.h.1.attn.c_attn.weight');
});
