/** The curated list: correct configurations, and their plans without weights or a GPU. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GpuLowering } from '../../../src/engine/webgpu/lowering.ts';
import { USUAL_GPU } from '../../../src/engine/webgpu/target.ts';
import { parseJson } from '../../../src/json.ts';
import { parametersOf } from '../../../src/model/definition.ts';
import { defineModel } from '../../../src/model/family.ts';
import { planMemory } from '../../../src/train/memory-plan.ts';
import { forecastModel } from '../../../src/worker/curated/forecast.ts';
import { curatedDefinition, curatedModels } from '../../../src/worker/curated/models.ts';
import { defaultSpec } from '../../../src/settings/spec.ts';

const USUAL = new GpuLowering(USUAL_GPU);

const SETTINGS = { batch: 4, rank: 8, maxLength: 256 };

// As the model cards and papers have them; a wrong size of a layer would show.
test.each([
  ['HuggingFaceTB/SmolLM2-135M-Instruct', 134_515_008],
  ['HuggingFaceTB/SmolLM2-360M-Instruct', 361_821_120],
  ['Qwen/Qwen2.5-0.5B-Instruct', 494_032_768],
  ['Qwen/Qwen3-0.6B', 596_049_920],
  ['meta-llama/Llama-3.2-1B-Instruct', 1_235_814_400],
  ['google/gemma-3-270m-it', 268_098_176],
  ['google/gemma-3-1b-it', 999_885_952],
  ['openai-community/gpt2', 124_439_808],
])('%s has %i parameters', (id, parameters) => {
  expect(curatedModels().find((model) => model.id === id)?.parameters).toBe(parameters);
});

test('the list has all that a person has to know', () => {
  const models = curatedModels();
  expect(models.length).toBe(8);
  for (const { id, goodAt, licence, gated, mirror, weightBytes, parameters } of models) {
    expect(goodAt, id).toMatch(/\.$/);
    expect(licence).not.toBe('');
    expect(gated, id).toBe(mirror !== undefined);
    expect(weightBytes).toBeGreaterThanOrEqual(2 * parameters);
  }
});

test.each([
  ['HuggingFaceTB/SmolLM2-135M-Instruct', 'SmolLM2-135M'],
  ['Qwen/Qwen3-0.6B', 'Qwen3-0.6B'],
  ['meta-llama/Llama-3.2-1B-Instruct', 'Llama-3.2-1B'],
])('%s is planned as its published configuration is', async (id, file) => {
  const path = new URL(`../../fixtures/configs/${file}.json`, import.meta.url);
  const published = defineModel(parseJson(readFileSync(path, 'utf8'), file) as Record<string, unknown>, file);
  const own = curatedDefinition(id)!;
  expect(parametersOf(own)).toBe(parametersOf(published));
  const forecast = await forecastModel(USUAL, own, SETTINGS, undefined);
  const defaults = defaultSpec();
  const plan = await planMemory(USUAL, published, {
    precision: 'f16',
    options: { ...defaults, batch: 4, maxLength: 256, rank: 8 },
  });
  expect(forecast.usual.peakBytes).toBe(plan.peakBytes);
  expect(forecast.least.peakBytes).toBeLessThan(plan.peakBytes / 2);
  expect(forecast.tokens).toBe(1024);
});

test('a time is given if something was measured, and grows with the work', async () => {
  const [small, , , , large] = curatedModels().map(({ id }) => curatedDefinition(id)!);
  expect(await forecastModel(USUAL, small, SETTINGS, undefined)).not.toHaveProperty('secondsPerStep');
  const speed = { flops: 1e12, measured: 0 };
  const [a, b] = await Promise.all(
    [small, large].map((definition) => forecastModel(USUAL, definition, SETTINGS, speed)),
  );
  // Forward and backward through frozen weights: 4 operations for each weight and token, and some for everything else.
  const least = (4 * 1024 * parametersOf(small)) / speed.flops;
  expect(a.secondsPerStep).toBeGreaterThan(least);
  expect(a.secondsPerStep).toBeLessThan(1.5 * least);
  expect(b.secondsPerStep! / a.secondsPerStep!).toBeGreaterThan(6);
});

test('buffers that a GPU does not allow are reported: activations, while weights are split into shards', async () => {
  const limits = { ...USUAL_GPU.limits, maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 };
  const lowering = new GpuLowering({ ...USUAL_GPU, limits });
  const definition = curatedDefinition('meta-llama/Llama-3.2-1B-Instruct')!;
  expect((await forecastModel(lowering, definition, SETTINGS, undefined)).usual.refused).toBeUndefined();
  const large = { ...SETTINGS, batch: 32, maxLength: 2048 };
  const { refused } = (await forecastModel(lowering, definition, large, undefined)).usual;
  expect(refused?.bytes).toBeGreaterThan(refused!.allowed);
});
