/** Settings that raise a doubt, and those that do not. */
import { describe, expect, test } from 'vitest';
import { PRESETS } from '../../../src/settings/presets.ts';
import { presetOptions } from '../../../src/app/train/settings.ts';
import { suggest } from '../../../src/settings/defaults.ts';
import { START } from '../../../src/app/train/kept-settings.ts';
import { findRunWarnings, type CheckedRun, type CheckedSettings } from '../../../src/train/run-warnings.ts';
import { defaultSpec, specOf } from '../../../src/settings/spec.ts';

const RUN: CheckedRun = { steps: 100, rows: 300, parameters: 135_000_000 };
const keysOf = (change: Partial<CheckedSettings>, run: Partial<CheckedRun> = {}): string[] =>
  findRunWarnings({ ...defaultSpec(change.method), ...change }, { ...RUN, ...run }).map(({ key }) => key);

describe('a doubt', () => {
  test.each<[string, Partial<CheckedSettings>, Partial<CheckedRun>]>([
    ['lr', { lr: 0.006 }, {}],
    ['lr', { lr: 0.1 }, { parameters: 1_300_000 }],
    ['lr', { lr: 1e-8 }, {}],
    ['lr', { method: 'full', lr: 3e-3 }, {}],
    ['lr', { objective: 'dpo', lr: 5e-3 }, { parameters: 1_300_000 }],
    ['lr', { objective: 'simpo', lr: 3e-3 }, { parameters: 1_300_000 }],
    ['rateRatio', { lr: 4e-3, rateRatio: 16 }, { parameters: 1_300_000 }],
    ['alpha', { lr: 4e-3, rank: 32, alpha: 64, rsLora: true }, { parameters: 1_300_000 }],
    ['rank', { rank: 300, alpha: 600 }, {}],
    ['alpha', { alpha: 512 }, {}],
    ['alpha', { alpha: 128, rsLora: true }, {}],
    ['dropout', { dropout: 0.8 }, {}],
    ['rateRatio', { rateRatio: 100 }, {}],
    ['weightDecay', { weightDecay: 0.9 }, {}],
    ['steps', {}, { steps: 5000, rows: 10 }],
    ['batch', { batch: 64 }, { rows: 10, steps: 10 }],
  ])('about %s is raised by %o for %o', (key, change, run) => {
    expect(keysOf(change, run)).toEqual([key]);
  });

  test('names the setting, the usual value and the reason', () => {
    const [doubt] = findRunWarnings({ ...defaultSpec(), lr: 0.5 }, RUN);
    expect(doubt.what).toBe(
      'A learning rate of 0.5 is very high for an adapter of a model of 135 million parameters.',
    );
    expect(doubt.usual).toMatch(/^1e-4 to 1e-3 is usual\. .*loss jumps/);
    const [passes] = findRunWarnings(defaultSpec(), { ...RUN, steps: 5000, rows: 10 });
    expect(passes.what).toBe('5,000 steps of 8 are 4,000 epochs over 10 rows.');
  });
});

describe('no warning', () => {
  test('is given for the defaults of the command', () => {
    for (const method of ['lora', 'full'] as const)
      for (const parameters of [1_300_000, 135_000_000, 1_000_000_000])
        expect(keysOf({ method }, { parameters })).toEqual([]);
  });

  test('is given for the first rate of another optimiser, but for ten thousand times that rate', () => {
    for (const optimiser of ['adamw', 'lion', 'sgd'])
      for (const parameters of [1_300_000, 135_000_000]) {
        const options = specOf({ optimiser });
        expect(findRunWarnings(options, { ...RUN, parameters })).toEqual([]);
        expect(findRunWarnings({ ...options, lr: 1e4 * options.lr }, { ...RUN, parameters })).toMatchObject([
          { key: 'lr' },
        ]);
      }
  });

  test('is given for any preset, whatever the number of rows', () => {
    for (const parameters of [1_300_000, 135_000_000])
      for (const preset of PRESETS)
        for (const rows of [1, 7, 288, 1_000_000]) {
          const options = presetOptions(preset, suggest({ parameters }), rows, START);
          expect(findRunWarnings(specOf(options), { steps: options.steps, rows, parameters })).toEqual([]);
        }
  });

  test('is given for rates that suit preferences, or for LoRA+ and rsLoRA at usual rates', () => {
    const small = { parameters: 1_300_000 };
    for (const objective of ['dpo', 'ipo', 'kto']) expect(keysOf({ objective, lr: 1e-3 }, small)).toEqual([]);
    expect(keysOf({ objective: 'orpo', lr: 4e-3 }, small)).toEqual([]);
    expect(keysOf({ lr: 2e-4, rateRatio: 16 })).toEqual([]);
    expect(keysOf({ lr: 1e-3, rank: 32, alpha: 64, rsLora: true }, small)).toEqual([]);
  });

  test('is given for usual rates, which are higher for small models', () => {
    expect(keysOf({ lr: 1e-2 }, { parameters: 1_300_000 })).toEqual([]);
    expect(keysOf({ lr: 1e-4 })).toEqual([]);
    expect(keysOf({ alpha: 32, rank: 8 })).toEqual([]);
  });
});
