/** Rows in parts: shares of each label, sources and copies that stay together, the same parts for the same seed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitFairly, type SplitRow } from '../../../src/data/fair-split.ts';
import { graftError } from '../expect-graft-error.ts';

const SHARES = [0.8, 0.1, 0.1];
const singles = (count: number, of: (at: number) => Partial<SplitRow> = () => ({})): SplitRow[] =>
  Array.from({ length: count }, (_, at) => ({ identity: String(at), ...of(at) }));
const countsOf = (parts: readonly number[], shares = SHARES): number[] =>
  shares.map((_, part) => parts.filter((of) => of === part).length);

describe('single rows', () => {
  test('are dealt out by the shares, and otherwise by another seed', () => {
    const parts = splitFairly(singles(100), SHARES, 1);
    expect(countsOf(parts)).toEqual([80, 10, 10]);
    expect(splitFairly(singles(100), SHARES, 1)).toEqual(parts);
    expect(splitFairly(singles(100), SHARES, 2)).not.toEqual(parts);
  });

  test('give each part its share of each label', () => {
    const labels = [
      'often',
      'often',
      'often',
      'often',
      'often',
      'often',
      'often',
      'seldom',
      'seldom',
      'rare',
    ];
    const rows = singles(200, (at) => ({ stratum: labels[at % 10] }));
    const parts = splitFairly(rows, SHARES, 3);
    expect(countsOf(parts)).toEqual([160, 20, 20]);
    for (const [label, share] of [
      ['often', 0.7],
      ['seldom', 0.2],
      ['rare', 0.1],
    ] as const)
      for (const part of [0, 1, 2]) {
        const count = rows.filter(({ stratum }, at) => stratum === label && parts[at] === part).length;
        expect(Math.abs(count - 200 * share * SHARES[part])).toBeLessThanOrEqual(2);
      }
  });
});

describe('rows of one source', () => {
  test('never straddle, nor do copies, nor what both tie together', () => {
    const rows: SplitRow[] = [
      ...singles(60, (at) => ({ group: `source ${at % 20}` })),
      // A copy ties two sources together.
      { identity: '0', group: 'source 7' },
      { identity: 'x' },
      { identity: 'x' },
    ];
    for (let seed = 0; seed < 20; seed++) {
      const parts = splitFairly(rows, [0.5, 0.5], seed);
      rows.forEach(({ group }, at) => {
        if (group) expect(parts[at]).toBe(parts[rows.findIndex((row) => row.group === group)]);
      });
      expect(parts[60]).toBe(parts[0]);
      expect(parts[60]).toBe(parts[7]);
      expect(parts[61]).toBe(parts[62]);
    }
  });

  test('are an error if there are fewer sources than parts', async () => {
    const rows = singles(10, () => ({ group: 'one' }));
    const { what } = await graftError(() => splitFairly(rows, SHARES, 1), 'split');
    expect(what).toBe('10 rows that stay together in 1 group leave a part without rows.');
  });
});

test('any rows are all in a part, with their group and copies, and parts of single rows have their size', () => {
  const row = fc.record(
    {
      identity: fc.nat(3000).map(String),
      group: fc.nat(400).map((group) => `group ${group}`),
      stratum: fc.constantFrom('a', 'b', 'c'),
    },
    { requiredKeys: ['identity'] },
  );
  fc.assert(
    fc.property(fc.array(row, { minLength: 150, maxLength: 300 }), fc.nat(), (rows, seed) => {
      let parts: number[];
      try {
        parts = splitFairly(rows, [0.6, 0.4], seed);
      } catch (error) {
        expect(error).toMatchObject({ code: 'split' });
        return;
      }
      expect(parts).toHaveLength(rows.length);
      for (const key of ['identity', 'group'] as const) {
        const of = new Map<string, number>();
        rows.forEach((one, at) => {
          const value = one[key];
          if (value === undefined) return;
          expect(of.get(value) ?? parts[at]).toBe(parts[at]);
          of.set(value, parts[at]);
        });
      }
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 30, max: 500 }), fc.nat(), fc.integer({ min: 1, max: 5 }), (n, seed, k) => {
      const counts = countsOf(
        splitFairly(
          singles(n, (at) => ({ stratum: String(at % k) })),
          SHARES,
          seed,
        ),
      );
      counts.forEach((count, part) => expect(Math.abs(count - n * SHARES[part])).toBeLessThanOrEqual(1));
    }),
    { numRuns: 50 },
  );
});
