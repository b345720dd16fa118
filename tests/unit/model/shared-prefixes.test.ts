/** Rows laid out as a tree, with the first tokens that they have in common once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LabelledTokens } from '../../../src/model/batch.ts';
import {
  endToEnd,
  sequenceParts,
  sizeOfSharedPrefixes,
  withSharedPrefixes,
  withShortPrefixes,
  type PrefixLayout,
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
const placesOf = ({ stretches }: PrefixLayout, at: number): number[] =>
  stretches[at].flatMap(({ from, to, place }) => Array.from({ length: to - from }, (_, i) => place + i));

/** The most ranges that these places make. */
const rangesOf = (places: readonly number[]): number =>
  places.filter((place, t) => place !== places[t - 1] + 1).length;

const isWhole = ({ row, from }: SequencePart): boolean => row.whole === true && from === 0;

const idsOf = ({ row, from, to }: SequencePart): number[] => Array.from(row.ids).slice(from, to);

const mostArbitrary = fc.constantFrom(1, 2, 3, Infinity);

test('gives the rows back when it is expanded, and leaves no place empty', () => {
  fc.assert(
    fc.property(rowsArbitrary, mostArbitrary, (rows, most) => {
      const parts = sequenceParts(rows);
      const layout = withSharedPrefixes(parts, most);
      const laidOut = new Map<number, number>();
      parts.forEach((part, at) =>
        placesOf(layout, at).forEach((place, t) => laidOut.set(place, idsOf(part)[t])),
      );
      expect([...laidOut.keys()].sort((a, b) => a - b)).toEqual([...Array(layout.tokens).keys()]);
      parts.forEach((part, at) =>
        expect(placesOf(layout, at).map((place) => laidOut.get(place))).toEqual(idsOf(part)),
      );
      expect(layout.tokens).toBeLessThanOrEqual(endToEnd(parts).tokens);
    }),
  );
});

test('a token is seen by what is between it and the end of its stretch, in as few ranges as it says', () => {
  fc.assert(
    fc.property(rowsArbitrary, mostArbitrary, (rows, most) => {
      const parts = sequenceParts(rows);
      const layout = withSharedPrefixes(parts, most);
      /** For each place, those that see it. */
      const seers = new Map<number, Set<number>>();
      const all = parts.map((_, at) => placesOf(layout, at));
      for (const places of all)
        places.forEach((place, t) => {
          const seen = seers.get(place) ?? new Set();
          for (const later of places.slice(t)) seen.add(later);
          seers.set(place, seen);
        });
      for (const { from, to, place, end } of layout.stretches.flat())
        for (let at = place; at < place + to - from; at++)
          expect([...seers.get(at)!].sort((a, b) => a - b)).toEqual(
            Array.from({ length: end - at }, (_, i) => at + i),
          );
      expect(Math.max(...all.map(rangesOf))).toBe(layout.ranges);
      expect(layout.ranges).toBeLessThanOrEqual(Math.min(most, 1 + Math.log2(parts.length)));
    }),
  );
});

test('shares no token that predicts a label, and of texts that are predicted whole one at most has a token', () => {
  fc.assert(
    fc.property(rowsArbitrary, mostArbitrary, (rows, most) => {
      const parts = sequenceParts(rows);
      const layout = withSharedPrefixes(parts, most);
      const owners = new Map<number, number[]>();
      parts.forEach((_, at) => {
        for (const place of placesOf(layout, at)) owners.set(place, [...(owners.get(place) ?? []), at]);
      });
      parts.forEach(({ row, from }, at) =>
        placesOf(layout, at).forEach((place, t) => {
          const sharing = owners.get(place)!;
          if (sharing.length === 1) return;
          expect(row.labels[from + t + 1]).toBe(X);
          expect(sharing.filter((one) => isWhole(parts[one])).length).toBeLessThanOrEqual(1);
        }),
      );
    }),
  );
});

test('has every common beginning once where no text is predicted whole', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const parts = sequenceParts(rows.map(({ ids, labels, starts }) => ({ ids, labels, starts })));
      let own = 0;
      const beginnings = new Set<string>();
      for (const part of parts) {
        const ids = idsOf(part);
        const labels = Array.from(part.row.labels).slice(part.from, part.to);
        let shared = 0;
        while (shared + 1 < ids.length && labels[shared + 1] === X) shared++;
        for (let t = 1; t <= shared; t++) beginnings.add(ids.slice(0, t).join());
        own += ids.length - shared;
      }
      const { tokens } = withSharedPrefixes(parts);
      // What only one sequence begins with is its own in either case.
      expect(tokens).toBe(beginnings.size + own);
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
    ranges: 2,
    stretches: [
      [
        { from: 0, to: 2, place: 0, end: 7 },
        { from: 2, to: 5, place: 2, end: 5 },
      ],
      [
        { from: 0, to: 2, place: 0, end: 7 },
        { from: 2, to: 4, place: 5, end: 7 },
      ],
    ],
  });
});

test('puts branches behind what they share, and repeats that where a plan has too few ranges', () => {
  const rows = ['aab', 'aac', 'adef', 'adeg', 'adehi', 'adehj'].map((text) => {
    const ids = Array.from(`${text}!`, (letter) => letter.codePointAt(0)!);
    return { ids, labels: ids.map((id, at) => (at === ids.length - 1 ? id : X)) };
  });
  const parts = sequenceParts(rows);
  const laidOut = (most?: number): string => {
    const layout = withSharedPrefixes(parts, most);
    const text = Array<string>(layout.tokens);
    parts.forEach((part, at) =>
      placesOf(layout, at).forEach((place, t) => (text[place] = String.fromCodePoint(idsOf(part)[t]))),
    );
    return `${layout.ranges}: ${text.join('')}`;
  };
  // Each branch that needs more ranges than others comes first.
  expect(laidOut()).toBe('3: aab!c!dehi!j!f!g!');
  expect(laidOut(2)).toBe('2: aab!c!adehi!j!f!g!');
  expect(laidOut(1)).toBe('1: aab!aac!adef!adeg!adehi!adehj!');
});

test('lays out two thousand sequences of which each continues the one before', () => {
  const rows = Array.from({ length: 2000 }, (_, at) => ({
    ids: Array.from({ length: at + 2 }, () => 1),
    labels: Array.from({ length: at + 2 }, () => X),
  }));
  expect(sizeOfSharedPrefixes(rows)).toMatchObject({ tokens: 4000, ranges: 2 });
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
        const { from } = withSharedPrefixes(before).stretches[at].at(-1)!;
        const rest = whole.slice(from);
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
    const { tokens } = sizeOfSharedPrefixes(rows);
    expect(tokens).toBe(withSharedPrefixes(sequenceParts(rows)).tokens);
    expect(tokens).toBe(shared ? 2 + 2 * count : 4 * count);
  }
});
