/** The defaults of a run: by the size of the model, the method, the objective, the optimiser and the rows. That they learn is tests/long/method-defaults.test.ts. */
import { describe, expect, test } from 'vitest';
import { START } from '../../../src/app/train/kept-settings.ts';
import { presetOptions } from '../../../src/app/train/settings.ts';
import { suggest, usualSettings } from '../../../src/settings/defaults.ts';
import { PRESETS } from '../../../src/settings/presets.ts';
import { METHODS, REGISTRY } from '../../../src/settings/registry.ts';
import { specOf, checkSpec, specFor } from '../../../src/settings/spec.ts';

const SMALL = { parameters: 1_300_000, rows: 288, validation: 32 };
const MEDIUM = { ...SMALL, parameters: 135_000_000 };
const LARGE = { ...SMALL, parameters: 1_200_000_000 };

describe('the defaults of a run', () => {
  test.each([
    [{}, 4e-3, 5e-4, 2e-4],
    [{ method: 'full' }, 2.5e-4, 3.125e-5, 1.25e-5],
    [{ method: 'ia3' }, 4e-2, 5e-3, 2e-3],
    [{ objective: 'dpo' }, 4e-4, 5e-5, 2e-5],
    [{ objective: 'simpo' }, 1.2e-3, 1.5e-4, 6e-5],
    [{ optimiser: 'lion' }, 8e-4, 1e-4, 4e-5],
  ])('%o has a rate for each size of model', (given, ...rates) => {
    expect([SMALL, MEDIUM, LARGE].map((about) => usualSettings(given, about).lr)).toEqual(rates);
  });

  test('keep what is chosen, and follow from it', () => {
    expect(usualSettings({ steps: 40 }, SMALL)).toMatchObject({ steps: 40, warmup: 4, evalEvery: 4 });
    expect(usualSettings({ batch: 2, accumulate: 3 }, SMALL).steps).toBe(144);
    expect(usualSettings({ rank: 4 }, SMALL)).toMatchObject({ rank: 4, alpha: 8 });
    // Passes that are chosen decide the steps.
    expect(usualSettings({ epochs: 1 }, SMALL)).toMatchObject({ warmup: 3, evalEvery: 4 });
    expect(usualSettings({ epochs: 1 }, SMALL).steps).toBeUndefined();
    expect(usualSettings({}, { ...SMALL, validation: 0 }).evalEvery).toBe(0);
  });

  test('are the same in the form and in the command', () => {
    for (const { name: method } of METHODS)
      for (const { name: objective } of REGISTRY.objectives)
        for (const { name: optimiser } of REGISTRY.optimisers)
          for (const about of [SMALL, MEDIUM, LARGE]) {
            const given = { method, objective, optimiser };
            const form = specOf(
              presetOptions('balanced', suggest(about), about.rows, {
                ...START,
                ...given,
                targets: ['all-linear'],
              }),
            );
            const { lr, steps, batch, accumulate, warmup, evalEvery, patience } = specFor(given, about);
            expect(form).toMatchObject({ lr, steps, batch, accumulate, warmup, evalEvery, patience });
          }
  });

  test('are steps of several prompts for rewards, as long as three passes', () => {
    const { batch, accumulate, steps } = usualSettings({ objective: 'grpo' }, { ...SMALL, rows: 216 });
    expect([batch, accumulate, steps]).toEqual([1, 4, 162]);
  });

  test('can run, for every preset, method, objective and number of rows', () => {
    for (const preset of PRESETS)
      for (const { name: method } of METHODS)
        for (const { name: objective } of REGISTRY.objectives)
          for (const rows of [0, 1, 7, 288, 1_000_000]) {
            const given = { method, objective };
            const about = { ...SMALL, rows };
            expect(() =>
              checkSpec(specOf({ ...given, ...usualSettings(given, about, preset) })),
            ).not.toThrow();
            expect(() => checkSpec(specFor(given, about))).not.toThrow();
          }
  });
});
