/** The memory planner without a GPU: models at their real size, from their public config.json. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { GpuLowering } from '../../../src/engine/webgpu/lowering.ts';
import { USUAL_GPU, type GpuTarget } from '../../../src/engine/webgpu/target.ts';
import { parseJson } from '../../../src/json.ts';
import { runBuckets } from '../../../src/train/step-kinds.ts';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { defineModel } from '../../../src/model/family.ts';
import { adviseMemory, memoryProblems, type AdviceSettings } from '../../../src/train/memory-advice.ts';
import { planGeneration, planMemory } from '../../../src/train/memory-plan.ts';
import { graftError } from '../expect-graft-error.ts';
import { defaultSpec } from '../../../src/settings/spec.ts';

const MB = 1e6;
const defaults = defaultSpec();

function modelOf(name: string, changes: Record<string, number> = {}): ModelDefinition {
  const path = new URL(`../../fixtures/configs/${name}.json`, import.meta.url);
  const config = parseJson(readFileSync(path, 'utf8'), name) as Record<string, unknown>;
  return defineModel({ ...config, ...changes }, name);
}

const settings = (
  changes: Partial<AdviceSettings['options']>,
  precision: 'f32' | 'f16' = 'f16',
): AdviceSettings => ({
  precision,
  options: { ...defaults, batch: 1, rank: 16, ...changes },
});

const USUAL = new GpuLowering(USUAL_GPU);

const limited = (limits: Partial<GpuTarget['limits']>): GpuLowering =>
  new GpuLowering({ ...USUAL_GPU, limits: { ...USUAL_GPU.limits, ...limits } });

describe('planMemory', () => {
  const smol = modelOf('SmolLM2-135M');

  test('SmolLM2-135M in f16, 1 × 512 tokens with checkpointing, rank 16: at most 450 MB', async () => {
    const plan = await planMemory(USUAL, smol, settings({ maxLength: 512, checkpointing: true }));
    expect(plan.peakBytes).toBeLessThanOrEqual(450 * MB);
    expect(plan.parts.base).toBeGreaterThan(2 * 134 * MB);
    expect(plan.parts.optimiser).toBe(3 * plan.parts.adapter);
    // 30 × 7 layers of rank 16, f32: 4 · 16 · (inputs + outputs).
    expect(plan.parts.adapter).toBe(30 * 64 * (2 * (576 + 576) + 2 * (576 + 192) + 3 * (576 + 1536)));
    expect(plan.largestBinding).toEqual({ label: 'model.embed_tokens.weight', bytes: 49_152 * 576 * 2 });
  });

  test('more tokens at once than WebGPU dispatches are refused, with what to change', async () => {
    for (const changes of [
      { batch: 1_000_000, maxLength: 512 },
      { batch: 64, maxLength: 131_072 },
    ]) {
      const error = await graftError(() => planMemory(USUAL, smol, settings(changes)), 'train-tokens');
      expect(error.message).toMatch(/a smaller batch size or shorter rows: at most 2097120 tokens\.$/);
    }
    const plan = await planMemory(USUAL, smol, settings({}));
    const largestDispatch = { label: 'matmul_tiled', workgroups: 70_000 };
    expect(memoryProblems({ ...plan, largestDispatch }, USUAL_GPU.limits)).toEqual([
      { limit: 'dispatch', label: 'matmul_tiled', bytes: 70_000, allowed: 65_535 },
    ]);
  });

  test.each([
    ['Qwen3-0.6B', 'q4_0', 1000],
    ['Qwen3-0.6B', 'nf4', 1000],
    ['Llama-3.2-1B', 'q4_0', 1600],
    ['Llama-3.2-1B', 'nf4', 1600],
  ] as const)(
    '%s in %s, 1 × 1024 tokens with checkpointing, rank 16: at most %i MB',
    async (name, matrices, most) => {
      const plan = await planMemory(USUAL, modelOf(name), {
        ...settings({ maxLength: 1024, checkpointing: true }),
        baseWeights: { matrices },
      });
      expect(plan.peakBytes).toBeLessThanOrEqual(most * MB);
    },
  );

  test('weights that are stored in blocks stay so', async () => {
    const asked = settings({ maxLength: 128, checkpointing: true });
    const stored = await planMemory(USUAL, smol, { ...asked, storedAs: () => 'Q4_1' });
    const chosen = await planMemory(USUAL, smol, {
      ...asked,
      baseWeights: { matrices: 'q4_1', embeddings: 'q4_1' },
    });
    expect(stored.parts.base).toBe(chosen.parts.base);
    expect(stored.parts.base).toBeLessThan(90 * MB);
  });

  test('checkpointing keeps the inputs of the layers, and the scratch of one', async () => {
    const with_ = await planMemory(USUAL, smol, settings({ maxLength: 512, checkpointing: true }));
    const without = await planMemory(USUAL, smol, settings({ maxLength: 512 }));
    expect(with_.parts.activations * 4).toBeLessThan(without.parts.activations);
    expect(with_.parts.base).toBe(without.parts.base);
    expect(with_.parts.activations).toBeGreaterThan(29 * 512 * 576 * 2);
  });

  test('a weight above the limit is planned in shards, and nothing is refused', async () => {
    const MIB = 2 ** 20;
    const lowering = limited({ maxStorageBufferBindingSize: 128 * MIB, maxBufferSize: 256 * MIB });
    const llama = modelOf('Llama-3.2-1B');
    const asked = settings({ maxLength: 128, checkpointing: true });
    const plan = await planMemory(lowering, llama, asked);
    expect(memoryProblems(plan, lowering.target.limits)).toEqual([]);
    expect(plan.split).toEqual([
      { label: 'model.embed_tokens.weight', pieces: 4, bytes: Math.ceil(128_256 / 128 / 4) * 128 * 2048 * 2 },
    ]);
    expect(plan.largestBuffer.label).toBe('model.embed_tokens.weight, shard 1 of 4');
    const roomy = await planMemory(USUAL, llama, asked);
    expect(roomy.split).toEqual([]);
    expect(plan.parts.base).toBe(roomy.parts.base);
  });

  test('generation needs the cache, the weights and little else', async () => {
    const plan = await planGeneration(USUAL, smol, { precision: 'f16', sequences: 1, maxLength: 1000 });
    expect(plan.cache).toBe(30 * 2 * 1000 * 192 * 2);
    expect(plan.bytes - plan.cache).toBeLessThan(285 * MB);
  });
});

describe('adviseMemory', () => {
  const smol = modelOf('SmolLM2-135M');
  // Advice makes dozens of plans: those of 30 layers would take seconds.
  const shallow = modelOf('SmolLM2-135M', { num_hidden_layers: 3 });

  test('says what is above which limit', async () => {
    const plan = await planMemory(USUAL, smol, settings({ maxLength: 512 }));
    expect(memoryProblems(plan, USUAL_GPU.limits)).toEqual([]);
    const { limits } = limited({ maxStorageBufferBindingSize: 40 * MB, maxBufferSize: 50 * MB }).target;
    expect(memoryProblems(plan, limits, 300 * MB).map(({ limit, label }) => [limit, label])).toEqual([
      ['buffer', 'model.embed_tokens.weight'],
      ['binding', 'model.embed_tokens.weight'],
      ['memory', 'the run'],
    ]);
  });

  test('activations above the limit are refused, with a length that fits', async () => {
    const lowering = limited({ maxStorageBufferBindingSize: 20 * MB });
    const asked = settings({ maxLength: 8192, checkpointing: true }, 'f32');
    const plan = await planMemory(lowering, shallow, asked);
    const [problem] = memoryProblems(plan, lowering.target.limits);
    expect(problem).toMatchObject({ limit: 'binding', allowed: 20 * MB });
    expect(problem.bytes).toBe(8192 * 1536 * 4);
    const advice = await adviseMemory(lowering, shallow, asked);
    expect(advice.find(({ fits }) => fits)).toMatchObject({
      change: 'length',
      settings: { options: { maxLength: 2048 } },
    });
  });

  test('changes that cost only time come before those that change the result, and sufficient ones before others', async () => {
    const asked = settings({ maxLength: 512, batch: 4 });
    const advice = await adviseMemory(USUAL, smol, asked, 700 * MB);
    expect(advice.map(({ change, fits }) => [change, fits])).toEqual([
      ['batch', true],
      ['checkpointing', true],
      ['length', true],
      ['base', false],
      ['rank', false],
    ]);
    const [batch] = advice;
    expect(batch.settings.options).toMatchObject({ batch: 1, accumulate: 4 });
    for (const { peakBytes, settings: changed } of advice)
      expect((await planMemory(USUAL, smol, changed)).peakBytes).toBe(peakBytes);
  });

  test('promises for known rows the bytes that the changed run takes', async () => {
    const lengths = [20, 133, 60, 41, 17, 256, 90, 12];
    const rows = lengths.map((length) => {
      const ids = Array.from({ length }, (_, t) => t);
      return { ids, labels: ids };
    });
    const bucketsOf: AdviceSettings['bucketsOf'] = ({ batch, accumulate, maxLength }) => {
      const cut = (values: readonly number[]): number[] => values.slice(0, maxLength);
      return runBuckets(
        { ...defaults, steps: 8, batch, accumulate, maxLength },
        rows.map(({ ids, labels }) => ({ ids: cut(ids), labels: cut(labels) })),
        rows.slice(0, 3),
      );
    };
    for (const [changes, memory] of [
      [{ maxLength: 512, batch: 8 }, 120 * MB],
      [{ maxLength: 512, batch: 4, checkpointing: true }, 105 * MB],
    ] as const) {
      const asked = { ...settings(changes), bucketsOf };
      const advice = await adviseMemory(USUAL, shallow, asked, memory);
      expect(advice.map(({ change }) => change)).toEqual(
        expect.arrayContaining(['batch', 'base', 'length', 'rank']),
      );
      for (const { peakBytes, settings: changed } of advice) {
        const buckets = bucketsOf(changed.options);
        expect((await planMemory(USUAL, shallow, { ...changed, buckets })).peakBytes).toBe(peakBytes);
      }
    }
  });

  test('a run that is too large to be planned is advised until it is not', async () => {
    // So many rows pass the head in hundreds of chunks, each of which is planned: fewer words make larger ones.
    const model = modelOf('SmolLM2-135M', { num_hidden_layers: 2, vocab_size: 512 });
    const asked = settings({ maxLength: 64, batch: 40_000 });
    await graftError(() => planMemory(USUAL, model, asked), 'train-tokens');
    const [first] = await adviseMemory(USUAL, model, asked);
    expect(first.fits).toBe(true);
    expect(first.settings.options.batch * first.settings.options.accumulate).toBeGreaterThanOrEqual(40_000);
    const plan = await planMemory(USUAL, model, first.settings);
    expect(plan.peakBytes).toBe(first.peakBytes);
  });

  test('combines as many changes as needed if none is enough', async () => {
    const asked = settings({ maxLength: 512, batch: 4 }, 'f32');
    const [first, ...rest] = await adviseMemory(USUAL, smol, asked, 450 * MB);
    expect(first).toMatchObject({ change: 'all', fits: true });
    expect(first.settings).toMatchObject({ precision: 'f16', options: { batch: 1, checkpointing: true } });
    expect(rest.every(({ fits }) => !fits)).toBe(true);
    const sizes = rest.map(({ peakBytes }) => peakBytes);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  });
});
