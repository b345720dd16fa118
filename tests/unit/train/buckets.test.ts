import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bucket } from '../../../src/model/batch.ts';
import { bucketFor, chooseBuckets } from '../../../src/train/buckets.ts';

const sizes = fc.array(
  fc.record({ tokens: fc.integer({ min: 1, max: 600 }), rows: fc.integer({ min: 1, max: 600 }) }),
  { minLength: 1, maxLength: 24 },
);

/** Tokens computed in all, with each micro-batch in the smallest of `tokens` that holds it. */
function cost(all: readonly Bucket[], tokens: readonly number[]): number {
  const sorted = [...tokens].sort((a, b) => a - b);
  return all.reduce((sum, size) => sum + (sorted.find((bucket) => bucket >= size.tokens) ?? Infinity), 0);
}

/** All ways to choose at most three of the values. */
function* choices(values: readonly number[]): Generator<number[]> {
  for (let i = 0; i < values.length; i++) {
    yield [values[i]];
    for (let j = i + 1; j < values.length; j++) {
      yield [values[i], values[j]];
      for (let k = j + 1; k < values.length; k++) yield [values[i], values[j], values[k]];
    }
  }
}

/** A micro-batch of one row of this size. */
function rowOf({ tokens, rows }: Bucket): { ids: number[]; labels: number[] } {
  const supervised = Math.min(rows, tokens - 1);
  return {
    ids: new Array<number>(tokens).fill(1),
    labels: Array.from({ length: tokens }, (_, t) => (t > 0 && t <= supervised ? 1 : -100)),
  };
}

describe('buckets', () => {
  it('are at most three, in ascending order, and hold every micro-batch', () => {
    fc.assert(
      fc.property(sizes, (all) => {
        const buckets = chooseBuckets(all);
        expect(buckets.length).toBeGreaterThan(0);
        expect(buckets.length).toBeLessThanOrEqual(3);
        for (let i = 1; i < buckets.length; i++)
          expect(buckets[i].tokens).toBeGreaterThan(buckets[i - 1].tokens);
        for (const size of all) {
          const row = rowOf(size);
          const bucket = bucketFor(buckets, [row]);
          expect(bucket.tokens).toBeGreaterThanOrEqual(size.tokens);
          expect(bucket.rows).toBeGreaterThanOrEqual(row.labels.filter((label) => label >= 0).length);
          // Nor is there need to look further than the first that holds the tokens.
          const first = buckets.find(({ tokens }) => tokens >= size.tokens)!;
          expect(first.rows).toBeGreaterThanOrEqual(size.rows);
        }
      }),
    );
  });

  it('pad no more than the best choice of three sizes', () => {
    fc.assert(
      fc.property(sizes, (all) => {
        const rounded = [...new Set(all.map(({ tokens }) => Math.ceil(tokens / 32) * 32))];
        const best = Math.min(...[...choices(rounded)].map((tokens) => cost(all, tokens)));
        expect(
          cost(
            all,
            chooseBuckets(all).map(({ tokens }) => tokens),
          ),
        ).toBe(best);
      }),
    );
  });

  it('say when a micro-batch fits in none', () => {
    const buckets = chooseBuckets([{ tokens: 40, rows: 10 }]);
    expect(buckets).toEqual([{ tokens: 64, rows: 32 }]);
    expect(() => bucketFor(buckets, [rowOf({ tokens: 65, rows: 1 })])).toThrow('No bucket');
    expect(() => bucketFor(buckets, [rowOf({ tokens: 40, rows: 33 })])).toThrow('No bucket');
    expect(chooseBuckets([])).toEqual([]);
  });
});
