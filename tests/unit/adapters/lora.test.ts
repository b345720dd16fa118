import { describe, expect, it } from 'vitest';
import type { ModelDefinition } from '../../../src/model/definition.ts';
import { defineModel } from '../../../src/model/family.ts';
import { type LoraConfig, type LoraModule, tensorNames } from '../../../src/adapters/lora/config.ts';
import { adapterModules, initialTensors } from '../../../src/adapters/registry.ts';
import { graftError } from '../expect-graft-error.ts';

const model = defineModel(
  {
    model_type: 'llama',
    vocab_size: 32,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 12,
    num_attention_heads: 2,
  },
  'm',
);

const config: LoraConfig = {
  rank: 4,
  alpha: 8,
  dropout: 0,
  rsLora: false,
  targets: ['q_proj'],
  rankPattern: {},
  alphaPattern: {},
};

const modulesOf = (definition: ModelDefinition, settings: LoraConfig): LoraModule[] =>
  adapterModules(definition, settings) as LoraModule[];

describe('layers with an adapter', () => {
  it('are those whose path ends with a target, at a dot', () => {
    const paths = (targets: string[]): string[] =>
      modulesOf(model, { ...config, targets }).map(({ path }) => path);
    expect(paths(['q_proj'])).toHaveLength(12);
    expect(paths(['q_proj', 'self_attn.q_proj', 'up_proj'])).toHaveLength(24);
    // Layer 11 ends with "1.self_attn.k_proj" too, but not at a dot.
    expect(paths(['layers.1.self_attn.k_proj'])).toEqual(['model.layers.1.self_attn.k_proj']);
    expect(paths(['1.self_attn.k_proj'])).toEqual(['model.layers.1.self_attn.k_proj']);
  });

  it('have the rank and the scale that the patterns give them, the first pattern that fits', () => {
    const modules = modulesOf(model, {
      ...config,
      targets: ['q_proj', 'v_proj'],
      rankPattern: { 'layers.2.self_attn.v_proj': 16, v_proj: 2 },
      alphaPattern: { 'model.layers.2.self_attn.q_proj': 3 },
    });
    const of = (path: string): { rank: number; scale: number } =>
      modules.find((module) => module.path === path)!;
    expect(of('model.layers.0.self_attn.q_proj')).toMatchObject({
      rank: 4,
      scale: 2,
      inputs: 16,
      outputs: 16,
    });
    expect(of('model.layers.0.self_attn.v_proj')).toMatchObject({ rank: 2, scale: 4 });
    expect(of('model.layers.2.self_attn.v_proj')).toMatchObject({ rank: 16, scale: 0.5 });
    expect(of('model.layers.2.self_attn.q_proj')).toMatchObject({ rank: 4, scale: 0.75 });
    const [module] = modulesOf(model, { ...config, rank: 16, rsLora: true });
    expect(module.scale).toBe(2);
  });

  it.each<[Partial<LoraConfig>, string]>([
    [{ targets: [] }, 'No target'],
    [{ targets: ['c_attn'] }, 'c_attn'],
    [{ targets: ['proj'] }, 'proj'],
    [{ rank: 0, alpha: 0 }, 'rank is 0'],
    [{ rank: 2.5 }, 'rank is 2.5'],
    [{ rank: 5000 }, 'rank is 5000'],
    [{ rankPattern: { 'layers.3.self_attn.q_proj': -1 } }, 'model.layers.3.self_attn.q_proj is -1'],
    [{ alpha: 0 }, 'alpha is 0'],
    [{ alpha: Infinity }, 'alpha is Infinity'],
    [{ dropout: 1 }, 'dropout is 1'],
    [{ dropout: NaN }, 'dropout is NaN'],
  ])('settings that cannot work are refused by name: %j', async (changes, named) => {
    const error = await graftError(() => modulesOf(model, { ...config, ...changes }), 'lora-config');
    expect(error.what).toContain(named);
  });
});

describe('a new adapter', () => {
  const modules = modulesOf(model, { ...config, targets: ['down_proj'], rank: 64 });

  it('has B at zero and A uniform within 1/√inputs, as PEFT', () => {
    const tensors = initialTensors(modules, 1);
    expect(tensors.size).toBe(24);
    const { a, b } = tensorNames(modules[0].path);
    expect(tensors.get(b)!.every((value) => value === 0)).toBe(true);
    const values = tensors.get(a)!;
    expect(values).toHaveLength(64 * 24);
    const bound = 1 / Math.sqrt(24);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
    // Variance of a uniform distribution is bound² / 3; 1536 draws come within a tenth of it.
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance / (bound ** 2 / 3)).toBeGreaterThan(0.9);
    expect(variance / (bound ** 2 / 3)).toBeLessThan(1.1);
    expect(tensors.get(tensorNames(modules[1].path).a)).not.toEqual(values);
  });

  it('follows from its seed', () => {
    expect(initialTensors(modules, 1)).toEqual(initialTensors(modules, 1));
    expect(initialTensors(modules, 2)).not.toEqual(initialTensors(modules, 1));
  });
});
