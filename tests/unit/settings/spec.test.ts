import { describe, expect, it } from 'vitest';
import { graftError } from '../expect-graft-error.ts';
import { checkSpec, countSteps, defaultSpec, specOf, type RunSpec } from '../../../src/settings/spec.ts';
import { withUsualTargets } from '../../../src/adapters/chosen.ts';

describe('settings of a run', () => {
  it.each(['lora', 'full'] as const)('have defaults that pass: %s', (method) => {
    expect(() => checkSpec(defaultSpec(method))).not.toThrow();
  });

  it('ask KTO for two rows or more at once, since its divergence comes from the answers of other rows', async () => {
    expect(() => checkSpec(specOf({ objective: 'kto', batch: 2 }))).not.toThrow();
    const error = await graftError(() => checkSpec(specOf({ objective: 'kto', batch: 1 })), 'train-option');
    expect(error.remedy).toContain('2 or more');
  });

  it.each<[Partial<Record<keyof RunSpec, unknown>>, keyof RunSpec]>([
    [{ steps: 0 }, 'steps'],
    [{ steps: 1.5 }, 'steps'],
    [{ epochs: 0 }, 'epochs'],
    [{ epochs: Infinity }, 'epochs'],
    [{ batch: 0 }, 'batch'],
    [{ batch: NaN }, 'batch'],
    [{ accumulate: -1 }, 'accumulate'],
    [{ maxLength: 1 }, 'maxLength'],
    [{ warmup: -1 }, 'warmup'],
    [{ steps: 5, warmup: 6 }, 'warmup'],
    [{ evalEvery: 0.5 }, 'evalEvery'],
    [{ patience: 2 }, 'evalEvery'],
    [{ patience: -1 }, 'patience'],
    [{ lr: 0 }, 'lr'],
    [{ lr: 1e30 }, 'lr'],
    [{ lr: '1e-3' }, 'lr'],
    [{ weightDecay: 1 }, 'weightDecay'],
    [{ clip: -0.1 }, 'clip'],
    [{ rateRatio: 0 }, 'rateRatio'],
    [{ seed: -1 }, 'seed'],
    [{ schedule: 'cosin' }, 'schedule'],
  ])('are refused by name: %j', async (changes, name) => {
    const error = await graftError(
      () => checkSpec({ ...defaultSpec(), ...changes } as RunSpec),
      'train-option',
    );
    expect(error.what).toContain(`The setting ${name} is`);
    expect(error.remedy).toMatch(/^Choose .*\.$/);
  });

  // PEFT's TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING, and its feedforward modules.
  it('give IA3 the layers that PEFT takes of GPT-2, or those that were asked for', () => {
    const linears = (...paths: string[]) => paths.map((path) => ({ path, inputs: 4, outputs: 4 }));
    const gpt2 = { linears: linears('h.0.attn.c_attn', 'h.0.attn.c_proj', 'h.0.mlp.c_fc', 'h.0.mlp.c_proj') };
    const llama = { linears: linears('0.self_attn.k_proj', '0.self_attn.v_proj', '0.mlp.down_proj') };
    const targetsOf = (options: RunSpec, model: typeof gpt2): readonly string[] =>
      withUsualTargets(options, model).targets;
    const ia3 = specOf({ method: 'ia3' });
    expect(targetsOf(ia3, gpt2)).toEqual(['c_attn', 'mlp.c_proj']);
    expect(targetsOf(ia3, llama)).toEqual(['k_proj', 'v_proj', 'down_proj']);
    expect((ia3 as { feedforward?: readonly string[] }).feedforward).toContain('mlp.c_proj');
    expect(targetsOf(specOf({ method: 'ia3', targets: ['c_fc'] }), gpt2)).toEqual(['c_fc']);
    expect(targetsOf(defaultSpec(), gpt2)).toEqual(defaultSpec().targets);
  });

  it('give the steps as asked, or what the epochs take, rounded up', async () => {
    const options = { ...defaultSpec(), batch: 4, accumulate: 2, epochs: 3 };
    expect(countSteps(options, 16)).toBe(6);
    expect(countSteps(options, 17)).toBe(7);
    expect(countSteps(options, 1)).toBe(1);
    expect(countSteps({ ...options, epochs: 0.5 }, 32)).toBe(2);
    expect(countSteps({ ...options, steps: 11 }, 16)).toBe(11);
    await graftError(() => countSteps({ ...options, steps: 1e9 }, 16), 'train-option');
    await graftError(() => countSteps({ ...options, epochs: 1e9 }, 16), 'train-option');
    await graftError(() => countSteps({ ...options, batch: 1e9 }, 16), 'train-option');
  });
});
