/** The memory planner against runs: what they allocate by the device's own account is what was planned, to the byte. */
import { expect, test } from 'vitest';
import { defineModel, readModel } from '../../src/model/family.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { greedy } from '../../src/model/sampling.ts';
import type { WeightChoices } from '../../src/model/weight-types.ts';
import { Random } from '../../src/random.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import type { RunBuckets } from '../../src/train/buckets.ts';
import { runBuckets } from '../../src/train/step-kinds.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { adviseMemory } from '../../src/train/memory-advice.ts';
import { planGeneration, planMemory, type MemoryPlan } from '../../src/train/memory-plan.ts';
import { loadingOf } from '../../src/train/loading.ts';
import type { Scoring } from '../../src/train/policy/scoring.ts';
import { makeTrainable } from '../../src/runs/trainable.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { concatBytes, writeSafetensors } from '../../src/weights/safetensors.ts';
import { describeShared, sharedFolder } from '../shared.ts';
import { describeDevice, type AdapterContext } from './adapters.ts';
import { sprigFolder } from './sprig.ts';
import { defaultSpec, specOf, type RunSpec } from '../../src/settings/spec.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';

const LENGTH = 64;
const defaults = defaultSpec();
const base: RunSpec = {
  ...defaults,
  steps: 2,
  batch: 2,
  warmup: 0,
  maxLength: LENGTH,
  rank: 16,
};

/** Untied, with biases, sides that are not multiples of anything. */
const TINY = {
  model_type: 'llama',
  vocab_size: 300,
  hidden_size: 48,
  intermediate_size: 92,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  attention_bias: true,
  mlp_bias: true,
  tie_word_embeddings: false,
};

function tinyFolder(): FileSet {
  const random = new Random(3);
  const tensors = defineModel(TINY, 'tiny').weights.map(({ name, shape }) => ({
    name,
    dtype: 'F32' as const,
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.float() / 5 - 0.1),
  }));
  return memoryFiles(
    { 'config.json': JSON.stringify(TINY), 'model.safetensors': concatBytes(writeSafetensors(tensors)) },
    'tiny',
  );
}

/** Rows of full length, every token except the first supervised: the planner's assumption without rows. */
function fullRows(vocabulary: number, count: number, length = LENGTH): LabelledTokens[] {
  return Array.from({ length: count }, (_, row) => {
    const ids = Array.from({ length }, (_, t) => (t * 31 + row * 7 + 3) % vocabulary);
    return { ids, labels: ids };
  });
}

interface Setting {
  readonly precision?: 'f32' | 'f16';
  readonly baseWeights?: WeightChoices;
  readonly rows?: (vocabulary: number) => LabelledTokens[];
  readonly validation?: (vocabulary: number) => LabelledTokens[];
  /** Tokens of an answer to a prompt after the run. */
  readonly samples?: { readonly maxLength: number };
  readonly scoring?: Scoring;
}

interface Measured {
  /** While steps ran, at each. */
  readonly steps: number[];
  readonly end: number;
  readonly peak: number;
  readonly plan: MemoryPlan;
}

/** Plans a run, then makes it on an otherwise empty device, and leaves nothing behind. */
async function measure(
  { device }: AdapterContext,
  files: FileSet,
  changes: Partial<RunSpec>,
  {
    precision = 'f32',
    baseWeights,
    rows = (V) => fullRows(V, 4),
    validation = () => [],
    samples,
    scoring,
  }: Setting = {},
): Promise<Measured> {
  const options = { ...base, ...changes };
  await device.settle();
  expect(device.allocatedBytes).toBe(device.lowering.deviceBytes ?? 0);
  device.resetPeak();
  const model = await LanguageModel.load(device, files, {
    ...{ precision, baseWeights },
    ...loadingOf(options),
  });
  const { definition } = model;
  const { vocabulary } = definition.shape;
  const known =
    rows(vocabulary).some(({ ids }) => ids.length !== LENGTH) || validation(vocabulary).length > 0;
  const plan = await planMemory(device.lowering, definition, {
    precision,
    baseWeights,
    options,
    ...(samples && { samples }),
    ...(known && { buckets: runBuckets(options, rows(vocabulary), validation(vocabulary)) }),
  });
  const { trainable } = await makeTrainable(model, options, undefined, {
    rows: rows(vocabulary),
    encode: (text) => Array.from(text, (one) => one.charCodeAt(0) % 90),
  });
  const { adapter } = trainable;
  const steps: number[] = [];
  const trainer = await Trainer.create({
    ...{ trainable, options },
    rows: rows(vocabulary),
    validation: validation(vocabulary),
    scoring,
    onEvent: (event) => event.type === 'step' && steps.push((event satisfies StepEvent).gpuBytes),
  });
  await trainer.run();
  await trainer.state();
  let generator: Generator | undefined;
  if (samples) {
    generator = new Generator(model, 1, samples.maxLength);
    const options = { maxNewTokens: 4, sampling: greedy, seed: 0, stopIds: [], adapter };
    await generator.generate([[1, 2, 3]], options);
  }
  const end = device.allocatedBytes;
  const peak = device.peakBytes;
  await device.settle();
  generator?.destroy();
  await trainer.destroy();
  adapter?.destroy();
  await model.destroy();
  expect(device.allocatedBytes).toBe(device.lowering.deviceBytes ?? 0);
  return { steps, end, peak, plan };
}

function expectEqual({ steps, end, peak, plan }: Measured): void {
  const { samples } = plan.parts;
  expect(steps).toEqual(steps.map(() => plan.steadyBytes - samples));
  expect(end).toBe(plan.steadyBytes);
  if (samples === 0) expect(peak).toBe(plan.peakBytes);
  expect(Object.values(plan.parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(plan.peakBytes);
}

const unequal = (V: number): LabelledTokens[] => [20, 33, 60, 41, 17].flatMap((n) => fullRows(V, 1, n));

describeDevice(
  'Memory plan',
  (context) => {
    const models: [string, () => FileSet][] = [
      ['Sprig', sprigFolder],
      ['a tiny model', tinyFolder],
    ];
    for (const [name, files] of models) {
      test(`is what a run of ${name} allocates`, async () => {
        const plain = await measure(context, files(), {});
        expectEqual(plain);
        const checkpointed = await measure(context, files(), { checkpointing: true });
        expectEqual(checkpointed);
        expect(checkpointed.plan.peakBytes).toBeLessThan(plain.plan.peakBytes);
        expect(checkpointed.plan.dispatches).toBeGreaterThan(plain.plan.dispatches);
      });
    }

    test('counts half precision, with known rows, validation, dropout, LoRA+ and samples', async () => {
      const changes = { rank: 6, dropout: 0.1, rateRatio: 4, steps: 4, evalEvery: 2 };
      const setting: Setting = {
        precision: 'f16',
        rows: unequal,
        validation: (V) => fullRows(V, 3, 50),
        samples: { maxLength: 100 },
      };
      expectEqual(await measure(context, sprigFolder(), changes, setting));
    });

    test('counts one plane of state for the matrices of Muon', async () => {
      const plain = await measure(context, tinyFolder(), {});
      const muon = await measure(context, tinyFolder(), { optimiser: 'muon', momentum: 0.95 });
      expectEqual(muon);
      // Momentum and the values before the last step, in place of two moments and those values.
      expect(muon.plan.parts.optimiser).toBe((plain.plan.parts.optimiser / 3) * 2);
      expectEqual(
        await measure(context, tinyFolder(), {
          ...{ optimiser: 'muon', momentum: 0.95, modulesToSave: 'embed_tokens' },
        }),
      );
      expectEqual(
        await measure(context, tinyFolder(), { optimiser: 'muon', momentum: 0.95, method: 'full' }),
      );
    });

    test('counts embedding and head that are trained with an adapter', async () => {
      for (const files of [sprigFolder(), tinyFolder()])
        expectEqual(await measure(context, files, { modulesToSave: 'both' }));
    });

    test('counts tokens that are added with an adapter, also to a base in blocks', async () => {
      const changes = { addTokens: ['<|a|>', '<|b|>'] };
      const setting: Setting = { samples: { maxLength: 32 } };
      for (const files of [sprigFolder(), tinyFolder()])
        expectEqual(await measure(context, files, changes, setting));
      const q8_0 = { matrices: 'q8_0', embeddings: 'q8_0' } as const;
      expectEqual(await measure(context, sprigFolder(), changes, { baseWeights: q8_0 }));
    });

    test('counts pairs, with a reference policy and validation', async () => {
      const pairs = (V: number, count: number, length = LENGTH): LabelledTokens[] => {
        const halves = fullRows(V, 2 * count, length);
        return Array.from({ length: count }, (_, i) => {
          const [chosen, rejected] = halves.slice(2 * i, 2 * i + 2).map(({ ids }) => Array.from(ids));
          const labels = [...chosen, -100, ...rejected.slice(1)];
          return { ids: [...chosen, ...rejected], labels, starts: [length] };
        });
      };
      const dpo = { objective: 'dpo', beta: 0.1, labelSmoothing: 0, sftWeight: 0 } as const;
      const settings: Setting = { rows: (V) => pairs(V, 4), validation: (V) => pairs(V, 3, 20) };
      for (const reference of ['base', 'start'] as const) {
        const changes = { ...dpo, reference, evalEvery: 1 };
        expectEqual(await measure(context, tinyFolder(), changes, settings));
        const prompt = { method: 'prompt', virtualTokens: 5, promptText: '' } as const;
        expectEqual(await measure(context, tinyFolder(), { ...changes, ...prompt }, settings));
      }
    });

    test.each(['pissa', 'prompt', 'norms'] as const)('counts another kind: %s', async (method) => {
      const kind = { method, virtualTokens: 7, promptText: '', normParts: 'all' } as const;
      expectEqual(await measure(context, sprigFolder(), kind));
      const settings: Setting = {
        rows: unequal,
        validation: (V) => fullRows(V, 3, 50),
        samples: { maxLength: 100 },
      };
      expectEqual(await measure(context, sprigFolder(), { ...kind, evalEvery: 1 }, settings));
    });

    test('counts an adapter that starts from rows', async () => {
      const kind = specOf({
        method: 'eva',
        evaRho: 1,
        rank: 16,
        steps: 2,
        batch: 2,
        maxLength: LENGTH,
      });
      expectEqual(await measure(context, sprigFolder(), kind));
      const settings: Setting = { rows: unequal, validation: (V) => fullRows(V, 3, 50) };
      expectEqual(await measure(context, sprigFolder(), { ...kind, evalEvery: 1 }, settings));
      // Ranks that depend on rows are planned at their largest possible size.
      const shared = await measure(context, sprigFolder(), { ...kind, evaRho: 2 });
      expect(shared.end).toBeLessThanOrEqual(shared.plan.steadyBytes);
      expect(shared.peak).toBeLessThanOrEqual(shared.plan.peakBytes);
      // If steps take little, the start takes the most.
      const few = { rank: 1, batch: 1, steps: 4, maxLength: 16, warmup: 0 };
      const small = await measure(
        context,
        sprigFolder(),
        { ...kind, ...few, rank: 1 },
        { rows: (V) => fullRows(V, 4, 16) },
      );
      expect(small.plan.peakBytes).toBeGreaterThan(small.plan.steadyBytes);
      if (context.device.processor) expect(small.peak).toBe(small.plan.peakBytes);
      expect(small.peak).toBeLessThanOrEqual(small.plan.peakBytes);
    });

    test.each(['base', 'start'] as const)(
      'counts sampled answers, with the reference %s',
      async (reference) => {
        const questions = (V: number): LabelledTokens[] =>
          fullRows(V, 4).map(({ ids }) => ({
            ids,
            labels: Array.from(ids, (id, t) => (t < 40 ? -100 : id)),
          }));
        const tokenizer = await loadTokenizer(sprigFolder());
        const score: Scoring['rewards']['score'] = async (attempts) =>
          attempts.map(({ tokens }) => ({ total: tokens, parts: [tokens], shown: [] }));
        const setting: Setting = {
          rows: questions,
          validation: (V) => questions(V).slice(2),
          scoring: { tokenizer, rewards: { names: ['length'], shown: [], score } },
        };
        const changes = specOf({
          ...{ objective: 'grpo', numGenerations: 4, maxCompletionLength: 20, beta: 0.1, temperature: 0.9 },
          reference,
          ...{ steps: 2, batch: 2, accumulate: 2, evalEvery: 1, maxLength: LENGTH },
        });
        expectEqual(await measure(context, sprigFolder(), changes, setting));
        const prompt = { method: 'prompt', virtualTokens: 5, promptText: '' } as const;
        expectEqual(await measure(context, sprigFolder(), { ...changes, ...prompt }, setting));
      },
    );

    test('counts shared prefixes', async () => {
      const rows = (V: number): LabelledTokens[] =>
        fullRows(V, 8).map(({ ids: all }, row) => {
          const ids = [
            ...Array.from(fullRows(V, 1)[0].ids).slice(0, LENGTH / 2),
            ...Array.from(all).slice(0, 3 + row),
          ];
          return { ids, labels: ids.map((id, t) => (t <= LENGTH / 2 ? -100 : id)) };
        });
      const setting: Setting = { rows, validation: (V) => rows(V).slice(3) };
      const shared = await measure(context, sprigFolder(), { batch: 4, sharePrefixes: 'auto' }, setting);
      expectEqual(shared);
      const full = await measure(context, sprigFolder(), { batch: 4 }, setting);
      expect(shared.plan.parts.activations).toBeLessThan(0.6 * full.plan.parts.activations);
    });

    test('counts base weights in four bits', async () => {
      const setting: Setting = { baseWeights: { matrices: 'q4_0' } };
      const quantised = await measure(context, sprigFolder(), { checkpointing: true }, setting);
      expectEqual(quantised);
      const numbers = await measure(context, sprigFolder(), { checkpointing: true });
      const weights = ({ plan }: Measured): number =>
        plan.parts.base - (context.device.lowering.deviceBytes ?? 0);
      expect(weights(quantised)).toBeLessThan(weights(numbers) / 3);
    });

    test('changed as it is advised for known rows', async () => {
      const { device } = context;
      const definition = await readModel(sprigFolder());
      const rows = unequal(definition.shape.vocabulary);
      const bucketsOf = (changes: Partial<RunSpec>): RunBuckets =>
        runBuckets({ ...base, ...changes }, rows, []);
      const settings = { precision: 'f32', options: { ...base, batch: 5 }, bucketsOf } as const;
      const advice = await adviseMemory(device.lowering, definition, settings, 0);
      for (const change of ['batch', 'checkpointing'] as const) {
        const { peakBytes, settings: advised } = advice.find((other) => other.change === change)!;
        const measured = await measure(context, sprigFolder(), advised.options, { rows: unequal });
        expectEqual(measured);
        expect(measured.peak).toBe(peakBytes);
      }
    });

    test('counts a full fine-tuning', async () => {
      const all = await measure(context, tinyFolder(), { method: 'full', checkpointing: true });
      expectEqual(all);
      for (const part of [
        { lastLayers: 1 },
        { trainWeights: 'norms' },
        { trainWeights: 'no-embeddings' },
      ] as const) {
        const some = await measure(context, tinyFolder(), { method: 'full', checkpointing: true, ...part });
        expectEqual(some);
        expect(some.peak).toBeLessThan(all.peak);
      }
    });

    // A processor's memory needs none.
    test.skipIf(!context.webgpu)('counts weights in pieces', async () => {
      const { limits } = context.device;
      const before = limits.largestWeight;
      Object.assign(limits, { largestWeight: 100 * 2 ** 10 });
      const settings: [Partial<RunSpec>, Setting][] = [
        [{}, { precision: 'f16', samples: { maxLength: 100 } }],
        [{}, { baseWeights: { matrices: 'q8_0' } }],
        [{ method: 'full', checkpointing: true }, {}],
      ];
      for (const [changes, setting] of settings) {
        const measured = await measure(context, sprigFolder(), changes, setting);
        expectEqual(measured);
        expect(measured.plan.split.map(({ label }) => label)).toContain('model.embed_tokens.weight');
      }
      Object.assign(limits, { largestWeight: before });
    });

    test('counts generation', async () => {
      const { device } = context;
      const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
      const modules = adapterModules(model.definition, base);
      const adapter = new Adapter(device, modules, initialTensors(modules, 1), { trainable: false });
      const generator = new Generator(model, 2, 200);
      await generator.prepare(adapter);
      const plan = await planGeneration(device.lowering, model.definition, {
        precision: 'f32',
        sequences: 2,
        maxLength: 200,
        adapter: adapterConfigOf(base),
      });
      expect(device.allocatedBytes).toBe(plan.bytes);
      generator.destroy();
      adapter.destroy();
      await model.destroy();
      expect(device.allocatedBytes).toBe(device.lowering.deviceBytes ?? 0);
    });

    describeShared('stories260K', () => {
      test('is what a run allocates', async () => {
        expectEqual(
          await measure(context, sharedFolder('models', 'stories260K'), { checkpointing: true, batch: 1 }),
        );
      });
    });
  },
  { own: true },
);
