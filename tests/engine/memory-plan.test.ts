/** The memory planner against runs: what they allocate by the device's own account is what was planned, to the byte. */
import { expect, test } from 'vitest';
import { readModel } from '../../src/model/family.ts';
import { Generator } from '../../src/model/generator.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import type { RunBuckets } from '../../src/train/buckets.ts';
import { runBuckets } from '../../src/train/step-kinds.ts';
import { adviseMemory } from '../../src/train/memory-advice.ts';
import { planGeneration } from '../../src/train/memory-plan.ts';
import type { Scoring } from '../../src/train/policy/scoring.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { FileSet } from '../../src/weights/bytes.ts';
import { describeShared, sharedFolder } from '../shared.ts';
import { describeDevice, onCpu, PART } from './adapters.ts';
import {
  base,
  expectEqual,
  fullRows,
  LENGTH,
  measure,
  tinyFolder,
  type Measured,
  type Setting,
} from './planned-run.ts';
import { sprigFolder } from './sprig.ts';
import { specOf, type RunSpec } from '../../src/settings/spec.ts';
import { adapterConfigOf } from '../../src/adapters/chosen.ts';

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

    onCpu(test)('counts one plane of state for the matrices of Muon', async () => {
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

    onCpu(test)('counts embedding and head that are trained with an adapter', async () => {
      for (const files of [sprigFolder(), tinyFolder()])
        expectEqual(await measure(context, files, { modulesToSave: 'both' }));
    });

    onCpu(test)('counts tokens that are added with an adapter, also to a base in blocks', async () => {
      const changes = { addTokens: ['<|a|>', '<|b|>'] };
      const setting: Setting = { samples: { maxLength: 32 } };
      for (const files of [sprigFolder(), tinyFolder()])
        expectEqual(await measure(context, files, changes, setting));
      const q8_0 = { matrices: 'q8_0', embeddings: 'q8_0' } as const;
      expectEqual(await measure(context, sprigFolder(), changes, { baseWeights: q8_0 }));
    });

    onCpu(test)('counts pairs, with a reference policy and validation', async () => {
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

    onCpu(test).each(['pissa', 'prompt', 'norms'] as const)('counts another kind: %s', async (method) => {
      const kind = { method, virtualTokens: 7, promptText: '', normParts: 'all' } as const;
      // PiSSA takes Sprig's matrices apart for seconds.
      const files = method === 'pissa' ? tinyFolder() : sprigFolder();
      expectEqual(await measure(context, files, kind));
      const settings: Setting = {
        rows: unequal,
        validation: (V) => fullRows(V, 3, 50),
        samples: { maxLength: 100 },
      };
      expectEqual(await measure(context, files, { ...kind, evalEvery: 1 }, settings));
    });

    onCpu(test)('counts an adapter that starts from rows', async () => {
      const kind = specOf({
        method: 'eva',
        evaRho: 1,
        rank: 16,
        steps: 2,
        batch: 2,
        maxLength: LENGTH,
      });
      expectEqual(await measure(context, tinyFolder(), kind));
      const settings: Setting = { rows: unequal, validation: (V) => fullRows(V, 3, 50) };
      expectEqual(await measure(context, tinyFolder(), { ...kind, evalEvery: 1 }, settings));
      // Ranks that depend on rows are planned at their largest possible size.
      const shared = await measure(context, tinyFolder(), { ...kind, evaRho: 2 });
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

    for (const reference of ['base', 'start'] as const)
      (reference === 'base' ? test : onCpu(test))(
        `counts sampled answers, with the reference ${reference}`,
        async () => {
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
          // Steps of virtual tokens on a GPU: tests/gpu/like-cpu.test.ts.
          if (context.webgpu && PART) return;
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
      const full = await measure(context, sprigFolder(), { batch: 4, sharePrefixes: 'off' }, setting);
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

    onCpu(test)('changed as it is advised for known rows', async () => {
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

    onCpu(test)('counts a full fine-tuning', async () => {
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
