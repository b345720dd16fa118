import { describe, expect, it } from 'vitest';
import { checkOptions, countSteps, defaultOptions, type TrainOptions } from '../../../src/train/options.ts';
import { graftError } from '../expect-graft-error.ts';

describe('settings of a run', () => {
  it.each(['lora', 'full'] as const)('have defaults that pass: %s', (method) => {
    expect(() => checkOptions(defaultOptions(method))).not.toThrow();
  });

  it.each<[Partial<Record<keyof TrainOptions, unknown>>, keyof TrainOptions]>([
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
      () => checkOptions({ ...defaultOptions(), ...changes } as TrainOptions),
      'train-option',
    );
    expect(error.what).toContain(`The setting ${name} is`);
    expect(error.remedy).toMatch(/^Choose .*\.$/);
  });

  it('give the steps as asked, or what the epochs take, rounded up', async () => {
    const options = { ...defaultOptions(), batch: 4, accumulate: 2, epochs: 3 };
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
