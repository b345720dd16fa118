/** How many dispatches a layer takes on a GPU, counted in dry runs: more of them make small models slower. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Adapter } from '../../../src/adapters/adapter.ts';
import { adapterConfigOf } from '../../../src/adapters/chosen.ts';
import { adapterModules } from '../../../src/adapters/registry.ts';
import { DryRunDevice } from '../../../src/engine/dry-run/device.ts';
import { sizePlan } from '../../../src/engine/size.ts';
import { GpuLowering } from '../../../src/engine/webgpu/lowering.ts';
import { USUAL_GPU } from '../../../src/engine/webgpu/target.ts';
import { parseJson } from '../../../src/json.ts';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { defineModel } from '../../../src/model/family.ts';
import { LanguageModel } from '../../../src/model/language-model.ts';
import { GenerationState } from '../../../src/model/generation-state.ts';
import { Decoder } from '../../../src/model/replays.ts';
import { defaultSpec, type RunSpec } from '../../../src/settings/spec.ts';
import { emptyTrainable } from '../../../src/train/memory-plan.ts';
import { recordGradients, sharedTensors } from '../../../src/train/step-plans.ts';

const USUAL = new GpuLowering(USUAL_GPU);
const spec: RunSpec = { ...defaultSpec(), rank: 16 };

/** A model of tests/fixtures/configs with a few layers. */
function modelOf(name: string, layers: number): ModelDefinition {
  const path = new URL(`../../fixtures/configs/${name}.json`, import.meta.url);
  const config = parseJson(readFileSync(path, 'utf8'), name) as Record<string, unknown>;
  return defineModel({ ...config, num_hidden_layers: layers, n_layer: layers, layer_types: undefined }, name);
}

/** What a further layer adds to a count. */
async function ofLayer(count: (layers: number) => Promise<number>): Promise<number> {
  return (await count(3)) - (await count(2));
}

const empty = (name: string, layers: number): LanguageModel =>
  LanguageModel.empty(new DryRunDevice(USUAL), modelOf(name, layers), { precision: 'f16' });

/** Forward and backward of a layer, 512 tokens. */
function ofTraining(name: string, options: Partial<RunSpec> = {}): Promise<number> {
  return ofLayer((layers) => {
    const model = empty(name, layers);
    const trainable = emptyTrainable(model, { ...spec, ...options });
    const bucket = { tokens: 512, rows: 512 };
    const { tape } = recordGradients(trainable, bucket, sharedTensors(model), {
      checkpointing: options.checkpointing,
    });
    return Promise.resolve(sizePlan(tape, USUAL).commands.length);
  });
}

/** A new token, with an adapter or without. */
function ofDecoding(name: string, adapted: boolean): Promise<number> {
  return ofLayer(async (layers) => {
    const model = empty(name, layers);
    const config = adapterConfigOf(spec);
    const modules = adapterModules(model.definition, config);
    const adapter = adapted ? await Adapter.frozen(model, modules, undefined) : undefined;
    const decoder = await Decoder.compile(model, { state: new GenerationState(model, 1, 64), adapter }, 1);
    return decoder.plan.size.commands.length;
  });
}

describe('Dispatches of a layer on a GPU', () => {
  test.each([
    ['SmolLM2-135M', {}, 34],
    ['SmolLM2-135M', { checkpointing: true }, 44],
  ] as const)('%s, a step of LoRA with %j: at most %i', async (name, options, most) => {
    expect(await ofTraining(name, options)).toBeLessThanOrEqual(most);
  });

  test.each([
    ['SmolLM2-135M', false, 8],
    ['SmolLM2-135M', true, 12],
  ] as const)('%s, a new token, adapter %s: at most %i', async (name, adapted, most) => {
    expect(await ofDecoding(name, adapted)).toBeLessThanOrEqual(most);
  });
});
