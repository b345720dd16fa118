/** Generation and training of a model whose layers keep different states: LFM2, with attention between short convolutions. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { readPeft, type AdapterData } from '../../src/export/peft.ts';
import type { BatchRequest } from '../../src/model/batch-places.ts';
import { ContinuousBatch } from '../../src/model/continuous-batch.ts';
import { GenerationState } from '../../src/model/generation-state.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { greedy } from '../../src/model/sampling.ts';
import { specOf } from '../../src/settings/spec.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { describeOnCpu } from './adapters.ts';
import { readJsonOf, readTensorsOf, referenceFolder } from './reference-file.ts';
import { noise } from './run.ts';

const NEW = 12;
const LENGTH = 176;

const idsOf = (count: number, seed: number): number[] =>
  Array.from(noise(count, seed), (value) => 3 + (Math.floor(Math.abs(value) * 1e5) % 157));

describeOnCpu('A hybrid of attention and convolutions', (context) => {
  let model: LanguageModel;
  let data: AdapterData;
  let adapter: Adapter;
  beforeAll(async () => {
    model = await LanguageModel.load(context.device, referenceFolder('families', 'lfm2'), {
      precision: 'f32',
    });
    data = await readPeft(referenceFolder('families', 'lfm2', 'adapter'), model.definition);
    adapter = new Adapter(context.device, data.modules, data.tensors, { trainable: false });
  });
  afterAll(async () => {
    await context.device.settle();
    adapter.destroy();
    await model.destroy();
  });

  /** Every token is the most likely one by the logits of the whole sequence, without a state. */
  async function expectGreedy({ prompt, adapter: by }: BatchRequest, ids: readonly number[]): Promise<void> {
    const V = model.definition.shape.vocabulary;
    const logits = await model.logits([...prompt, ...ids], by);
    ids.forEach((id, t) => {
      const row = logits.subarray((prompt.length - 1 + t) * V).subarray(0, V);
      const most = row.reduce((max, value) => Math.max(max, value));
      expect(most - row[id], `token ${t} after ${prompt.length}`).toBeLessThan(1e-4);
    });
  }

  test('sequences that join, leave, are cancelled and share prompts get what they get without a state', async () => {
    const batch = new ContinuousBatch(model, 3, LENGTH);
    const [long, other] = [idsOf(100, 1), idsOf(70, 2)];
    const request = (prompt: readonly number[], changes: Partial<BatchRequest> = {}): BatchRequest => ({
      ...{ prompt, maxNewTokens: NEW, sampling: greedy, seed: 1, stopIds: [] },
      ...changes,
    });
    const run = async (asked: readonly BatchRequest[]): Promise<number[]> => {
      const answers = await Promise.all(asked.map((one) => batch.generate(one)));
      for (const [i, { ids }] of answers.entries()) {
        expect(ids.length).toBe(asked[i].maxNewTokens);
        await expectGreedy(asked[i], ids);
      }
      return answers.map(({ cachedTokens }) => cachedTokens);
    };
    const ended = new AbortController();
    const cancelled = batch.generate(
      request(idsOf(3, 9), {
        ...{ maxNewTokens: 90, signal: ended.signal },
        onToken: () => ended.abort(),
      }),
    );
    const cached = await run([
      request(long),
      // The same prompt: all of it is there once the first has read it.
      request(long, { maxNewTokens: 3 }),
      // A prompt that begins alike up to a place between two checkpoints, and one that goes further.
      request([...long.slice(0, 80), ...idsOf(9, 3)]),
      request([...long, ...idsOf(50, 4)]),
      request(long.slice(0, 99), { adapter }),
      request(other, { maxNewTokens: 70 }),
      request(idsOf(1, 5)),
      request(idsOf(2, 6)),
    ]);
    expect((await cancelled).reason).toBe('aborted');
    expect(cached.slice(0, 5)).toEqual([0, 99, 64, 99, 0]);
    // Places that generated long after their prompts: these are still there.
    const [again, checkpoint] = await run([request(other), request([...other.slice(0, 66), 7, 8])]);
    expect(again).toBe(69);
    expect(checkpoint).toBe(64);
    await batch.idle();
    await context.device.settle();
    await batch.destroy();
  });

  test('a layer of convolutions keeps few rows of a sequence', async () => {
    const state = new GenerationState(model, 2, LENGTH);
    const { kvHeads, headSize, channels } = model.definition.shape;
    // Keys and values of one layer, and two rings and three checkpoints of two rows in the two others.
    const numbers = 2 * 2 * LENGTH * kvHeads * headSize + 2 * 2 * (2 + 3) * 2 * channels;
    expect(state.bytes).toBe(4 * numbers);
    await context.device.settle();
    state.free();
  });

  test('five steps of LoRA have the losses and the adapter of PEFT', async () => {
    const files = referenceFolder('families', 'lfm2');
    const { lr, losses } = await readJsonOf<{ lr: number; losses: number[] }>(files, 'curve.json');
    const { integers } = await readTensorsOf(files, 'reference.safetensors');
    const [ids, labels] = ['ids', 'labels'].map((name) => {
      const { values, shape } = integers.get(name)!;
      return [0, 1].map((row) => values.slice(row * shape[1], (row + 1) * shape[1]));
    });
    const trained = new Adapter(context.device, data.modules, data.tensors, { trainable: true });
    const found: number[] = [];
    const trainer = await Trainer.create({
      trainable: { model, adapter: trained, store: trained.store },
      options: specOf({
        ...{ steps: losses.length, batch: 2, lr, warmup: 0, schedule: 'constant' },
        ...{ weightDecay: 0, clip: 0, maxLength: 24 },
      }),
      rows: ids.map((row, i) => ({ ids: row, labels: labels[i], line: i })),
      onEvent: (event) => event.type === 'step' && found.push(event.loss),
    });
    await trainer.run();
    losses.forEach((loss, step) => expect(Math.abs(found[step] - loss), `step ${step}`).toBeLessThan(1e-4));
    await trainer.destroy();
    trained.destroy();
  });
});
