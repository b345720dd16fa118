import { describe, expect, it } from 'vitest';
import { checkResumed, fingerprintOf, runParts, type RunContent } from '../../../src/cli/resume.ts';
import { graftError } from '../expect-graft-error.ts';

const run: RunContent = {
  data: Uint8Array.of(1, 2, 3),
  model: { modelType: 'llama', layers: 2 },
  weights: 'a',
  base: { matrices: 'stored' },
  settings: { seed: 42 },
};
const fingerprint = fingerprintOf(runParts(run));
const check = (changes: Partial<RunContent>, saved = fingerprint): string[] =>
  checkResumed(saved, runParts({ ...run, ...changes }));

describe('a run', () => {
  it('is resumed with what it began with', () => {
    expect(check({})).toEqual([]);
  });

  it('is resumed with nothing else, and says what differs', async () => {
    for (const [changes, what] of [
      [{ data: Uint8Array.of(1, 2) }, 'other data'],
      [{ model: { modelType: 'llama', layers: 3 } }, 'another model'],
      // The same shape, and other numbers in it.
      [{ weights: 'b' }, 'another model'],
      [{ base: { matrices: 'q8_0' } }, 'other base weights (stored, and not q8_0)'],
      [{ settings: { seed: 43 } }, 'other settings'],
    ] as const) {
      const error = await graftError(() => check(changes), 'train-resume');
      expect(error.what).toBe(`The saved run had ${what}.`);
    }
    await graftError(() => check({}, 'of the page'), 'train-resume');
  });

  it('of an earlier version is resumed, and what it does not tell is named', async () => {
    const { weights: _, ...parts } = runParts(run);
    const old = JSON.stringify(parts);
    expect(check({ weights: 'b' }, old)).toEqual(["the base model's weights"]);
    await graftError(() => check({ settings: {} }, old), 'train-resume');
  });
});
