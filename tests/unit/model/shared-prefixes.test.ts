/** Rows laid out with their common first tokens once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LabelledTokens } from '../../../src/model/batch.ts';
import {
  endToEnd,
  sequenceParts,
  tokensWithSharedPrefixes,
  withSharedPrefixes,
  withShortPrefixes,
  type Layout,
  type SequencePart,
} from '../../../src/model/shared-prefixes.ts';

const X = -100;

/** Rows of few different tokens, so that many begin alike; some are pairs, and some are predicted whole. */
const rowArbitrary: fc.Arbitrary<LabelledTokens> = fc
  .record({
    sequences: fc.array(
      fc.array(fc.record({ id: fc.integer({ min: 0, max: 1 }), labelled: fc.boolean() }), {
        minLength: 1,
        maxLength: 9,
      }),
      { minLength: 1, maxLength: 2 },
    ),
    prompt: fc.integer({ min: 0, max: 6 }),
    whole: fc.option(fc.constant(true as const), { nil: undefined, freq: 6 }),
  })
  .map(({ sequences, prompt, whole }) => {
    const tokens = sequences.flatMap((sequence) =>
      sequence.map(({ id, labelled }, at) => ({ id, label: labelled && at > prompt ? id : X })),
    );
    return {
      ids: tokens.map(({ id }) => id),
      labels: tokens.map(({ label }) => label),
      ...(sequences.length > 1 && { starts: [sequences[0].length] }),
      ...(whole && { whole }),
    };
  });
const rowsArbitrary = fc.array(rowArbitrary, { minLength: 1, maxLength: 8 });

/** Where each token of a sequence lies. */
const placesOf = ({ placements }: Layout, parts: readonly SequencePart[], at: number): number[] => {
  const { prefix, shared, own } = placements[at];
  const length = parts[at].to - parts[at].from;
  return Array.from({ length }, (_, t) => (t < shared ? prefix + t : own + t - shared));
};

const isWhole = ({ row, from }: SequencePart): boolean => row.whole === true && from === 0;

const idsOf = ({ row, from, to }: SequencePart): number[] => Array.from(row.ids).slice(from, to);

test('gives the rows back when it is expanded, and leaves no place empty', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const parts = sequenceParts(rows);
      const layout = withSharedPrefixes(parts);
      const laidOut = new Map<number, number>();
      parts.forEach((part, at) =>
        placesOf(layout, parts, at).forEach((place, t) => laidOut.set(place, idsOf(part)[t])),
      );
      expect([...laidOut.keys()].sort((a, b) => a - b)).toEqual([...Array(layout.tokens).keys()]);
      parts.forEach((part, at) =>
        expect(placesOf(layout, parts, at).map((place) => laidOut.get(place))).toEqual(idsOf(part)),
      );
      expect(layout.tokens).toBeLessThanOrEqual(endToEnd(parts).tokens);
    }),
  );
});

test('shares no token that predicts a label, and keeps the members of a group together', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const parts = sequenceParts(rows);
      const { placements } = withSharedPrefixes(parts);
      parts.forEach(({ row, from, to }, at) => {
        const { prefix, shared, own, end } = placements[at];
        expect(shared).toBeLessThan(to - from);
        for (let t = from + 1; t <= from + shared; t++) expect(row.labels[t]).toBe(X);
        expect(prefix + shared).toBeLessThanOrEqual(own);
        expect(own + to - from - shared).toBeLessThanOrEqual(end);
        const members = parts.filter((_, other) => placements[other].prefix === prefix);
        expect(members.filter(isWhole).length).toBeLessThanOrEqual(shared > 0 ? 1 : Infinity);
        const owned = members.reduce((sum, member) => sum + member.to - member.from - shared, 0);
        expect(end - prefix).toBe(shared + owned);
      });
    }),
  );
});

/** How many tokens these sequences can share. */
function mostShared(members: readonly SequencePart[]): number {
  const [first] = members;
  let shared = 0;
  while (
    members.every(({ row, from, to }) => {
      const next = from + shared + 1;
      return (
        next < to && row.labels[next] < 0 && row.ids[from + shared] === first.row.ids[first.from + shared]
      );
    })
  )
    shared++;
  return shared;
}

test('saves at least as much as any one group would', () => {
  fc.assert(
    fc.property(fc.array(rowArbitrary, { minLength: 1, maxLength: 3 }), (rows) => {
      const parts = sequenceParts(rows.map(({ ids, labels, starts }) => ({ ids, labels, starts })));
      const saved = endToEnd(parts).tokens - withSharedPrefixes(parts).tokens;
      for (let set = 1; set < 1 << parts.length; set++) {
        const members = parts.filter((_, at) => set & (1 << at));
        expect(saved).toBeGreaterThanOrEqual((members.length - 1) * mostShared(members));
      }
    }),
  );
});

test('lays rows without anything in common end to end', () => {
  const parts = sequenceParts([
    { ids: [1, 2, 3], labels: [X, X, 3] },
    { ids: [4, 2, 3], labels: [X, X, 3] },
  ]);
  expect(withSharedPrefixes(parts)).toEqual(endToEnd(parts));
});

test('puts the prompt of a pair before both answers, and repeats its last token', () => {
  const row = {
    ids: [1, 2, 3, 8, 9, 1, 2, 3, 7],
    labels: [X, X, X, 8, 9, X, X, X, 7],
    starts: [5],
  };
  expect(withSharedPrefixes(sequenceParts([row]))).toEqual({
    tokens: 7,
    placements: [
      { prefix: 0, shared: 2, own: 2, end: 7 },
      { prefix: 0, shared: 2, own: 5, end: 7 },
    ],
  });
});

test('shortens prefixes until the rows in full fit where the rows with shared prefixes did', () => {
  let found = 0;
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const before = sequenceParts(rows);
      const short = withShortPrefixes(rows);
      if (!short) return;
      found++;
      const parts = sequenceParts(short);
      expect(parts.length).toBe(before.length);
      expect(endToEnd(parts).tokens).toBeLessThanOrEqual(withSharedPrefixes(before).tokens);
      expect(withSharedPrefixes(parts).tokens).toBeLessThan(endToEnd(parts).tokens);
      // Sequences end as before, and keep their labels.
      parts.forEach((part, at) => {
        const [ids, whole] = [idsOf(part), idsOf(before[at])];
        const { shared } = withSharedPrefixes(before).placements[at];
        const rest = whole.slice(shared);
        expect(rest.length === 0 ? [] : ids.slice(-rest.length)).toEqual(rest);
      });
      const labelsOf = (some: readonly LabelledTokens[]): number[][] =>
        some.map(({ labels }) => Array.from(labels).filter((label) => label !== X));
      expect(labelsOf(short)).toEqual(labelsOf(rows));
    }),
  );
  expect(found).toBeGreaterThan(20);
});

test('counts the tokens of its layout, and those of all rows where there are too many to share', () => {
  const row: LabelledTokens = { ids: [1, 2, 3, 4], labels: [X, X, X, 4] };
  for (const [count, shared] of [
    [5, true],
    [2048, true],
    [2049, false],
  ] as const) {
    const rows = Array.from({ length: count }, () => row);
    const tokens = tokensWithSharedPrefixes(rows);
    expect(tokens).toBe(withSharedPrefixes(sequenceParts(rows)).tokens);
    expect(tokens).toBe(shared ? 2 + 2 * count : 4 * count);
  }
});
