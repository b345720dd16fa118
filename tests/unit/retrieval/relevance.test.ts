import { describe, expect, test } from 'vitest';
import { measure, Relevance } from '../../../src/retrieval/relevance.ts';

const TEXT = 'The first one.  The second one. And\na third.';
const chunk = (
  file: string,
  start: number,
  end: number,
): { file: string; start: number; end: number; text: string } => ({
  file,
  start,
  end,
  text: TEXT.slice(start, end),
});
const CHUNKS = [
  chunk('notes/a.md', 0, 14),
  chunk('notes/a.md', 16, 35),
  chunk('notes/a.md', 20, 44),
  chunk('b.txt', 0, 31),
];

describe('Relevance', () => {
  const relevance = new Relevance(CHUNKS);

  test('takes chunks of the document that hold at least half of the passage', () => {
    // 8 to 20: chunk 0 holds 6 of 12 characters, chunk 1 only 4.
    expect(relevance.relevantTo({ doc: 'notes/a.md', start: 8, end: 20 })).toEqual([0]);
    expect(relevance.relevantTo({ doc: 'notes/a.md', start: 20, end: 31 })).toEqual([1, 2]);
  });

  test('knows a document by its path, or by its name without folder and ending', () => {
    const places = ['notes/a.md', 'notes/a', 'a'].map((doc) =>
      relevance.relevantTo({ doc, start: 0, end: 14 }),
    );
    expect(places).toEqual([[0], [0], [0]]);
    expect(relevance.relevantTo({ doc: 'c', start: 0, end: 3 })).toBeUndefined();
  });

  test('searches for a passage that stands elsewhere, space aside', () => {
    const third = { doc: 'a', start: 900, end: 912, text: 'And a  third.' };
    expect(relevance.relevantTo(third)).toEqual([2]);
    expect(relevance.relevantTo({ ...third, text: 'And a fourth.' })).toBeUndefined();
  });

  test('prefers the place that the passage names if its text stands at several', () => {
    const twice = { start: 21, end: 24, doc: 'a', text: 'one' };
    expect(relevance.relevantTo({ ...twice, start: 27, end: 30 })).toEqual([1, 2]);
    expect(relevance.relevantTo(twice)).toEqual([0]);
  });
});

describe('measure', () => {
  test('averages recall over passages and then over questions, and the reciprocal rank of the first relevant chunk', () => {
    const ranking = [4, 7, 1, 2, 3, 9];
    const found = measure([
      { ranking, relevant: [[4], [9, 5]] },
      { ranking, relevant: [[7, 8]] },
      { ranking, relevant: [[0]] },
      { ranking: [...Array(10).keys(), 50], relevant: [[50]] },
    ]);
    expect(found.questions).toBe(4);
    expect(found.recall[1]).toBeCloseTo((0.5 + 0 + 0 + 0) / 4, 12);
    expect(found.recall[5]).toBeCloseTo((0.5 + 1 + 0 + 0) / 4, 12);
    expect(found.recall[10]).toBeCloseTo((1 + 1 + 0 + 0) / 4, 12);
    expect(found.mrr).toBeCloseTo((1 + 1 / 2) / 4, 12);
  });
});
