import { expect, test } from 'vitest';
import { usualAsking, whyAsked } from '../../../src/app/use/asking.ts';
import { compareCandidates, sameBefore } from '../../../src/app/use/candidates.ts';
import type { ChatToken } from '../../../src/worker/api.ts';

test('questions are asked one by one if rows have one turn or none, and the page says why', () => {
  expect(usualAsking({ kind: 'single', of: 'adapter' })).toBe('alone');
  expect(usualAsking({ kind: 'text', of: 'data' })).toBe('alone');
  expect(usualAsking({ kind: 'several', of: 'adapter' })).toBe('conversation');
  expect(usualAsking(undefined)).toBe('conversation');

  expect(whyAsked({ kind: 'single', of: 'adapter' }, undefined)).toBe(
    'Each question is asked by itself, because the adapter was trained on single questions.',
  );
  expect(whyAsked({ kind: 'single', of: 'data' }, undefined)).toBe(
    'Each question is asked by itself, because the open rows are single questions.',
  );
  expect(whyAsked({ kind: 'several', of: 'adapter' }, undefined)).toMatch(
    /^Earlier turns are included, because/,
  );
  expect(whyAsked({ kind: 'single', of: 'adapter' }, 'conversation')).toMatch(/may get worse/);
  // Each is one short sentence.
  for (const taught of [undefined, { kind: 'several', of: 'data' } as const])
    for (const chosen of [undefined, 'alone', 'conversation'] as const)
      expect(whyAsked(taught, chosen)).toMatch(/^[^.]{20,110}\.$/);
});

const token = (text: string, ...candidates: [string, number][]): ChatToken => ({
  text,
  candidates: candidates.map(([of, probability]) => ({ text: of, probability })),
});

test('candidates of both sides stand in one row, the likeliest of either side first', () => {
  const rows = compareCandidates([
    token('cat', ['cat', 0.5], ['dog', 0.3], ['�', 0.1], ['�', 0.05]),
    token('dog', ['dog', 0.9], ['cow', 0.06], ['�', 0.02]),
  ]);
  expect(rows).toEqual([
    { text: 'dog', shares: [0.3, 0.9], taken: [false, true] },
    { text: 'cat', shares: [0.5, undefined], taken: [true, false] },
    { text: '�', shares: [0.1, 0.02], taken: [false, false] },
    { text: 'cow', shares: [undefined, 0.06], taken: [false, false] },
    { text: '�', shares: [0.05, undefined], taken: [false, false] },
  ]);
  // One answer has ended before.
  expect(compareCandidates([undefined, token('a', ['a', 1])])).toEqual([
    { text: 'a', shares: [undefined, 1], taken: [false, true] },
  ]);
});

test('answers are compared after the same text only as far as they are alike', () => {
  const [left, right] = [
    [token('The'), token(' cat'), token('.')],
    [token('The'), token(' dog'), token('.')],
  ];
  expect([0, 1, 2, 3].map((at) => sameBefore([left, right], at))).toEqual([true, true, false, false]);
  expect(sameBefore([left], 3)).toBe(true);
});
