/** Rows that begin alike, computed with their common first tokens once: the numbers are those of the rows in full. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import type { AdapterConfig } from '../../src/adapters/kind.ts';
import { adapterModules } from '../../src/adapters/registry.ts';
import { readPeft } from '../../src/export/peft.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { specOf, type RunSpec } from '../../src/settings/spec.ts';
import type { NamedArrays } from '../../src/train/state.ts';
import { computeGradients, type BatchGradients } from '../../src/train/gradients.ts';
import { learningOf } from '../../src/train/learning.ts';
import { policyGradients } from '../../src/train/policy/gradients.ts';
import { sampledRow, type SampledRow } from '../../src/train/policy/sampled.ts';
import type { Trainable } from '../../src/train/step-plans.ts';
import { describeDevice } from './adapters.ts';
import { referenceFolder } from './reference-file.ts';
import { noise, worstError } from './run.ts';
import { sprigFolder } from './sprig.ts';
import { trainersOnSprig } from './trainer-run.ts';

/** The largest difference, as a share of the largest number: only the order of sums differs. */
const CLOSE = 1e-5;

/** Ids that look random, the same for a seed. */
const idsOf = (count: number, seed: number): number[] =>
  Array.from(noise(count, seed), (value) => 3 + (Math.floor(Math.abs(value) * 1e4) % 60));

interface Row extends LabelledTokens {
  readonly line: number;
}

/** Rows of an instruction, a question and an answer of which the last two differ; one row in four has another instruction. */
function instructionRows(count: number): Row[] {
  return Array.from({ length: count }, (_, line) => {
    const prompt = [...idsOf(21, line % 4 === 3 ? 8 : 9), ...idsOf(3 + (line % 3), 10 + line)];
    const answer = idsOf(4 + (line % 5), 30 + line);
    return { ids: [...prompt, ...answer], labels: [...prompt.map(() => -100), ...answer], line };
  });
}

/** Pairs of answers to a prompt each, which all begin with the same tokens. */
function pairRows(count: number): Row[] {
  return Array.from({ length: count }, (_, line) => {
    const prompt = [...idsOf(7, 1), ...idsOf(12, 2 + line)];
    const answers = [idsOf(5 + line, 50 + line), idsOf(4, 70 + line)];
    return {
      ids: answers.flatMap((answer) => [...prompt, ...answer]),
      labels: answers.flatMap((answer) => [...prompt.map(() => -100), ...answer]),
      starts: [prompt.length + answers[0].length],
      line,
    };
  });
}

/** Groups of answers to a prompt each, with log-probabilities of the policy that sampled them. */
function answerGroups(count: number, answers: number): SampledRow[] {
  return Array.from({ length: count }, (_, group) =>
    sampledRow(
      [...idsOf(6, 1), ...idsOf(15 + group, 100 + group)],
      Array.from({ length: answers }, (_, at) => {
        const ids = idsOf(3 + ((at + group) % 4), 120 + answers * group + at);
        return { ids, advantage: at - 1.3, old: ids.map((id) => -3.5 - id / 90), left: at === 2 };
      }),
    ),
  );
}

function expectClose(actual: NamedArrays, expected: NamedArrays): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, values] of expected)
    if (values.some((value) => value !== 0))
      expect(worstError(actual.get(name)!, values), name).toBeLessThan(CLOSE);
}

function expectSameBatch(shared: BatchGradients, full: BatchGradients): void {
  expect(Math.abs(shared.loss - full.loss)).toBeLessThan(CLOSE * Math.abs(full.loss));
  expectClose(shared.gradients, full.gradients);
  for (const name of ['logProbabilities', 'referenceLogProbabilities'] as const) {
    expect(shared[name] === undefined).toBe(full[name] === undefined);
    if (full[name]) expect(worstError(shared[name]!, full[name]), name).toBeLessThan(CLOSE);
  }
}

describeDevice('shared prefixes', (context) => {
  const both = async (
    trainable: Trainable,
    rows: readonly LabelledTokens[],
    settings: Partial<Parameters<typeof computeGradients>[2]> = {},
  ): Promise<void> => {
    const full = await computeGradients(trainable, rows, settings);
    const shared = await computeGradients(trainable, rows, { ...settings, sharePrefixes: true });
    expectSameBatch(shared, full);
  };

  describe('gradients', () => {
    // Windows of two of these models end within the prefix, GPT-2 learns its positions, and OLMoE chooses experts. A software GPU compiles long.
    const families = context.webgpu
      ? ['mistral-sliding']
      : ['llama', 'mistral-sliding', 'gemma3', 'gpt2', 'lfm2', 'olmoe'];
    for (const name of families) {
      test(`are those of the rows in full for supervised rows with a common instruction: ${name}`, async () => {
        const model = await LanguageModel.load(context.device, referenceFolder('families', name), {
          precision: 'f32',
        });
        const { modules, tensors } = await readPeft(
          referenceFolder('families', name, 'adapter'),
          model.definition,
        );
        const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
        await both({ model, adapter, store: adapter.store }, instructionRows(9), {
          checkpointing: name === 'llama' || name === 'gemma3',
        });
        adapter.destroy();
        await model.destroy();
      });
    }

    test.skipIf(context.webgpu)('are those of the rows in full for all weights', async () => {
      const model = await LanguageModel.load(context.device, referenceFolder('families', 'gpt2'), {
        precision: 'f32',
        trainable: true,
      });
      await both({ model, store: model.parameters! }, instructionRows(5));
      await model.destroy();
    });

    test('are those of the rows in full for virtual tokens, which all rows start with', async () => {
      const model = await LanguageModel.load(context.device, referenceFolder('families', 'llama'), {
        precision: 'f32',
      });
      const config = { kind: 'prompt', targets: ['all-linear'], virtualTokens: 5, promptText: '' } as const;
      const modules = adapterModules(model.definition, config as AdapterConfig);
      const values = Float32Array.from(noise(5 * modules[0].outputs, 6), (value) => value / 10);
      const tensors = new Map([['prompt_embeddings', values]]);
      const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
      await both({ model, adapter, store: adapter.store }, instructionRows(6));
      adapter.destroy();
      await model.destroy();
    });

    test('are those of the pairs in full for preference objectives', async () => {
      const model = await LanguageModel.load(context.device, referenceFolder('families', 'llama'), {
        precision: 'f32',
      });
      const { modules, tensors } = await readPeft(
        referenceFolder('families', 'llama', 'adapter'),
        model.definition,
      );
      const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
      for (const objective of context.webgpu ? ['dpo'] : ['dpo', 'ipo', 'simpo', 'orpo', 'apo-zero'])
        await both({ model, adapter, store: adapter.store }, pairRows(3), {
          learning: learningOf(specOf({ objective })),
        });
      adapter.destroy();
      await model.destroy();
    });

    test.skipIf(context.webgpu)('are those of the rows in full for answers with a label', async () => {
      const model = await LanguageModel.load(context.device, referenceFolder('families', 'llama'), {
        precision: 'f32',
      });
      const { modules, tensors } = await readPeft(
        referenceFolder('families', 'llama', 'adapter'),
        model.definition,
      );
      const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
      const judged = instructionRows(6).map((row, i) => ({ ...row, desirable: i % 2 === 0 }));
      await both({ model, adapter, store: adapter.store }, judged, {
        learning: learningOf(specOf({ objective: 'kto' })),
      });
      adapter.destroy();
      await model.destroy();
    });
  });

  describe('gradients of sampled answers', () => {
    // Logits at a temperature, clipped ratios and a divergence from the reference take every part of the loss.
    const settings = { objective: 'grpo', beta: 0.1, temperature: 0.8, epsilon: 0.1, numIterations: 2 };
    for (const virtualTokens of context.webgpu ? [0] : [0, 4]) {
      test(`are those of the answers in full, each after its prompt, ${virtualTokens > 0 ? 'with' : 'without'} virtual tokens`, async () => {
        const model = await LanguageModel.load(context.device, referenceFolder('families', 'llama'), {
          precision: 'f32',
        });
        const lora = await readPeft(referenceFolder('families', 'llama', 'adapter'), model.definition);
        const prompt = { kind: 'prompt', targets: ['all-linear'], virtualTokens, promptText: '' } as const;
        const modules =
          virtualTokens > 0 ? adapterModules(model.definition, prompt as AdapterConfig) : lora.modules;
        const tensors =
          virtualTokens > 0
            ? new Map([
                ['prompt_embeddings', Float32Array.from(noise(4 * modules[0].outputs, 6), (v) => v / 10)],
              ])
            : lora.tensors;
        const adapter = new Adapter(context.device, modules, tensors, { trainable: true });
        const trainable = { model, adapter, store: adapter.store };
        const batches = [answerGroups(2, 4), answerGroups(1, 4)];
        const learning = learningOf(specOf(settings));
        const full = await policyGradients(trainable, batches, learning);
        const shared = await policyGradients(trainable, batches, learning, { sharePrefixes: true });
        expect(Math.abs(shared.loss - full.loss)).toBeLessThan(CLOSE * Math.abs(full.loss));
        expect(full.report!['clip_ratio']).toBeGreaterThan(0);
        expectClose(shared.gradients, full.gradients);
        full.logProbabilities.forEach((values, at) =>
          expect(worstError(shared.logProbabilities[at], values)).toBeLessThan(CLOSE),
        );
        adapter.destroy();
        await model.destroy();
      });
    }
  });

  describe('runs on the bundled model', () => {
    const { open } = trainersOnSprig(context);
    const settings = { steps: 3, warmup: 0, batch: 4, evalEvery: 3, targets: ['q_proj', 'v_proj'] };
    let half: LanguageModel;
    beforeAll(async () => {
      half = await LanguageModel.load(context.device, sprigFolder(), {
        precision: 'f32',
        baseWeights: { matrices: 'q8_0' },
      });
    });
    afterAll(() => half.destroy());

    const cases: {
      name: string;
      changes: Partial<RunSpec>;
      quantised?: true;
      pairs?: true;
    }[] = [
      { name: 'supervised rows', changes: {} },
      { name: 'packed and accumulated rows', changes: { batch: 2, accumulate: 2, packing: true } },
      { name: 'checkpointed layers', changes: { checkpointing: true } },
      { name: 'a quantised base', changes: {}, quantised: true },
      { name: 'pairs', changes: { ...specOf({ objective: 'dpo' }), batch: 2 }, pairs: true },
      {
        name: 'packed pairs',
        changes: { ...specOf({ objective: 'dpo' }), batch: 2, packing: true },
        pairs: true,
      },
    ];
    // A software GPU computes the first of each kind of rows.
    const first = ({ name }: { name: string }): boolean => name === 'supervised rows' || name === 'pairs';
    for (const { name, changes, quantised, pairs } of context.webgpu ? cases.filter(first) : cases) {
      test(`${name}: steps are those of the rows in full`, async () => {
        const rows = pairs ? pairRows(8) : instructionRows(12);
        const setting = {
          rows: rows as never,
          validation: rows.slice(0, 3) as never,
          ...(quantised && { on: half }),
        };
        const options = { ...changes, ...settings, batch: changes.batch ?? 4 };
        const full = await open({ ...options, sharePrefixes: 'off' }, setting);
        await full.trainer.run();
        const shared = await open({ ...options, sharePrefixes: 'auto' }, setting);
        await shared.trainer.run();
        shared.steps.forEach(({ loss, gradNorm, tokens, computedTokens }, i) => {
          const expected = full.steps[i];
          expect(Math.abs(loss - expected.loss)).toBeLessThan(CLOSE * Math.max(1, expected.loss));
          expect(Math.abs(gradNorm / expected.gradNorm - 1)).toBeLessThan(1e-4);
          expect(tokens).toBe(expected.tokens);
          expect(computedTokens).toBeLessThan(0.8 * tokens);
        });
        expect(full.steps.every(({ computedTokens }) => computedTokens === undefined)).toBe(true);
        expect(Math.abs(shared.evaluations[0].loss - full.evaluations[0].loss)).toBeLessThan(CLOSE);
      });
    }

    test('rows with dropout, and rows with little in common, are computed in full', async () => {
      const alike = await open(
        { ...settings, dropout: 0.1, sharePrefixes: 'auto' },
        { rows: instructionRows(8) as never },
      );
      await alike.trainer.run(1);
      expect(alike.steps[0].computedTokens).toBeUndefined();
      const rows = Array.from({ length: 8 }, (_, line) => {
        const ids = idsOf(20, 200 + line);
        return { ids, labels: ids.map((id, t) => (t < 9 ? -100 : id)), line };
      });
      const different = await open({ ...settings, sharePrefixes: 'auto' }, { rows: rows as never });
      await different.trainer.run(1);
      expect(different.steps[0].computedTokens).toBeUndefined();
    });
  });
});
