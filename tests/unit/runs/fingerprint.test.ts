import { describe, expect, it, test } from 'vitest';
import { sha256 } from '../../../src/cli/sha256.ts';
import { clockTime } from '../../../src/numbers.ts';
import {
  checkResumed,
  digestedAll,
  fingerprintOf,
  otherDevice,
  runParts,
  type RunContent,
} from '../../../src/runs/fingerprint.ts';
import { specOf } from '../../../src/settings/spec.ts';
import { asSaved } from '../../../src/settings/table.ts';
import { heldAs } from '../../../src/model/weight-types.ts';
import type { List } from '../../../src/lists.ts';
import type { TokenRow } from '../../../src/text/trainable.ts';
import { graftError } from '../expect-graft-error.ts';

const run: RunContent = {
  data: Uint8Array.of(1, 2, 3),
  rows: [[{ ids: [1, 2, 3], labels: [-100, 2, 3] }], []],
  model: { modelType: 'llama', layers: 2 },
  weights: 'a',
  base: 'stored',
  modules: [{ path: 'q_proj', rank: 4 }],
  spec: specOf({ method: 'lora', seed: 42, steps: 4, packing: true }),
  device: 'llvmpipe',
};
const fingerprint = fingerprintOf(runParts(run, sha256));
const check = (changes: Partial<RunContent>, saved = fingerprint): string[] =>
  checkResumed(saved, runParts({ ...run, ...changes }, sha256), () => ({ settings: 'of now' }));

test('the time of a run is the local time at its start, whatever the zone now', () => {
  expect(clockTime(new Date(2026, 0, 2, 3, 4, 5))).toBe('2026-01-02T03:04:05');
  const moment = new Date('2026-07-31T23:59:59');
  expect([moment.getDate(), moment.getHours(), clockTime(moment)]).toEqual([31, 23, '2026-07-31T23:59:59']);
});

describe('a run', () => {
  it('is resumed with what it began with', () => {
    expect(check({})).toEqual([]);
  });

  it('is the same if its data was hashed before', () => {
    // printf '\\1\\2\\3' | sha256sum
    const data = { sha256: '039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81' };
    expect(check({ data })).toEqual([]);
  });

  it('is resumed with nothing else, and says what differs', async () => {
    for (const [changes, what] of [
      [{ data: Uint8Array.of(1, 2) }, 'other data'],
      [{ model: { modelType: 'llama', layers: 3 } }, 'another model'],
      // The same shape, and other numbers in it.
      [{ weights: 'b' }, 'another model'],
      [{ base: 'q8_0' }, 'other base weights (stored, and not q8_0)'],
      [{ spec: { ...run.spec, seed: 43 } }, 'other settings (--seed 42 then, 43 now)'],
      [
        { spec: { ...run.spec, packing: false, validationFraction: 0.5 } },
        'other settings (--packing given then, not given now; --val-fraction 0 then, 0.5 now)',
      ],
      // Layers that the same flags lead to.
      [{ modules: [] }, 'other settings'],
    ] as const) {
      const error = await graftError(() => check(changes), 'train-resume');
      expect(error.what).toBe(`The saved run had ${what}.`);
    }
    await graftError(() => check({}, 'of the page'), 'train-resume');
    for (const rows of [
      [[{ ids: [1, 2, 4], labels: [-100, 2, 3] }], []],
      [[{ ids: [1, 2, 3], labels: [-100, -100, 3] }], []],
      [[], [{ ids: [1, 2, 3], labels: [-100, 2, 3] }]],
    ]) {
      const error = await graftError(() => check({ rows }), 'train-resume');
      expect(error.what).toBe('The saved run made other rows of the same data.');
    }
  });

  it('is resumed without shared prefixes, and not with them, if its version had none', async () => {
    const { sharePrefixes: _, ...earlier } = run.spec;
    const saved = fingerprintOf(runParts({ ...run, spec: earlier }, sha256));
    expect(check({ spec: asSaved(earlier) }, saved)).toEqual([]);
    const error = await graftError(() => check({}, saved), 'train-resume');
    expect(error.what).toContain('--share-prefixes off then, auto now');
  });

  it('is resumed on another device, which is reported', () => {
    const elsewhere = runParts({ ...run, device: 'a processor' }, sha256);
    expect(check({ device: 'a processor' })).toEqual([]);
    expect(otherDevice(fingerprint, elsewhere)).toBe('llvmpipe');
    expect(otherDevice(fingerprint, runParts(run, sha256))).toBeUndefined();
    // Unknown for a run that an earlier version saved.
    const { device: _, ...parts } = runParts(run, sha256);
    expect(otherDevice(JSON.stringify(parts), elsewhere)).toBeUndefined();
  });

  it('is resumed from an earlier version, and the parts that it lacks are named', async () => {
    const { weights: _, rows: __, modules: ___, spec: ____, ...parts } = runParts(run, sha256);
    const old = { ...parts, settings: 'of now' };
    expect(check({ weights: 'b', rows: [] }, JSON.stringify(old))).toEqual([
      "the base model's weights",
      'the rows',
    ]);
    const other = JSON.stringify({ ...old, settings: 'of then' });
    const error = await graftError(() => check({}, other), 'train-resume');
    expect(error.what).toBe('The saved run had other settings.');
    const told = JSON.stringify({
      ...old,
      settings: 'of then',
      told: { seed: '43', steps: '4', packing: true },
    });
    const { what } = await graftError(() => check({}, told), 'train-resume');
    expect(what).toContain('--seed 43 then, 42 now');
  });
});

test('blocks that an earlier version rounded are distinguished from exact ones', () => {
  const stored = { matrices: 'stored' } as const;
  expect(heldAs(stored, ['F32', 'Q8_0', 'Q4_0', 'Q4_1', 'BF16'])).toBe('stored');
  expect(heldAs(stored, ['F32', 'Q6_K'])).toBe('stored, exactly');
  expect(heldAs({ matrices: 'nf4' }, ['Q6_K'])).toBe('nf4');
  expect(heldAs({ matrices: 'nf4', embeddings: 'stored' }, ['Q6_K'])).toBe('nf4, embeddings stored, exactly');
});

describe('a run whose rows are made as they are taken', () => {
  const rowsOf = (count: number, id = 5): List<TokenRow> => ({
    length: count,
    at: (index) => ({ ids: [1, id, index % 900], labels: [-100, id, index % 900] }),
  });
  const saved = fingerprintOf(runParts({ ...run, rows: [rowsOf(100_000), []] }, sha256));

  it('is resumed with the same rows, and with no others', async () => {
    expect(check({ rows: [rowsOf(100_000), []] }, saved)).toEqual([]);
    for (const rows of [
      [rowsOf(100_001), []],
      [rowsOf(100_000, 6), []],
      [rowsOf(100_000), rowsOf(1)],
    ])
      await graftError(() => check({ rows }, saved), 'train-resume');
  });

  it('is distinguished from a run with a digest of all rows', () => {
    expect(digestedAll(fingerprint)).toBe(true);
    expect(digestedAll(saved)).toBe(false);
    expect(digestedAll('{}')).toBe(false);
  });
});
