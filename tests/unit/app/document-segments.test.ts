/** The text of a document, cut where chunks and pages begin and end. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { segmentsOf } from '../../../src/app/documents/segments.ts';
import type { DocumentChunk } from '../../../src/worker/api.ts';

const chunk = (start: number, end: number): DocumentChunk => ({
  ...{ id: `${start}`, start, end },
  tokens: 1,
  page: null,
});

test('marks what two chunks share, text between chunks, and the beginnings of pages', () => {
  const view = {
    text: '0123456789abcdef',
    pages: [0, 10],
    chunks: [chunk(0, 6), chunk(4, 8), chunk(10, 16)],
  };
  expect(segmentsOf(view, 0, 2)).toEqual([
    { start: 0, end: 4, chunks: 1, odd: false, page: 1 },
    { start: 4, end: 6, chunks: 2, odd: true },
    { start: 6, end: 8, chunks: 1, odd: true },
    { start: 8, end: 10, chunks: 0, odd: false },
    { start: 10, end: 16, chunks: 1, odd: false, page: 2 },
  ]);
  expect(segmentsOf(view, 1, 1).map(({ start, end }) => [start, end])).toEqual([[4, 8]]);
});

test('segments of all chunks hold the whole text once, and each chunk ends where a segment does', () => {
  const lengths = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 9 })), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(lengths, fc.nat(4), (parts, tail) => {
      const chunks: DocumentChunk[] = [];
      for (const [back, length] of parts) {
        const before = chunks.at(-1);
        // In order, as chunks are: each begins and ends behind the one before it.
        const start = before ? Math.max(before.start + 1, before.end - back) : back;
        chunks.push(chunk(start, Math.max(start, before?.end ?? 0) + length));
      }
      const text = 'x'.repeat(chunks[chunks.length - 1].end + tail);
      const segments = segmentsOf({ text, chunks }, 0, chunks.length - 1);
      expect(segments.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text);
      const ends = new Set(segments.map(({ end }) => end));
      expect(chunks.every(({ end }) => ends.has(end))).toBe(true);
      for (const { start, end, chunks: held } of segments)
        expect(held).toBe(chunks.filter((one) => one.start <= start && one.end >= end).length);
    }),
  );
});
