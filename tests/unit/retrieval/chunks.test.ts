import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunksOf, MIN_CHUNK_TOKENS, type Chunk } from '../../../src/retrieval/chunks.ts';
import { tokenCounter } from '../../../src/retrieval/token-counts.ts';
import { graftError } from '../expect-graft-error.ts';

/** One token for each started four characters of a run: longer runs have more tokens, as in real vocabularies. */
const count = (run: string): number => Math.ceil([...run].length / 4);
const LIMIT = 32;
const settings = { tokens: LIMIT, overlap: 8 };

/** A sentence of so many tokens. */
const sentence = (name: string, tokens: number): string => `${Array(tokens).fill(name).join(' ')}. `;
const texts = (chunks: readonly Chunk[]): string[] => chunks.map(({ text }) => text);

describe('chunksOf', () => {
  test('fills a chunk with whole sentences up to the limit, and starts the next one with those that fit in the overlap', () => {
    const text = sentence('a', 20) + sentence('b', 8) + sentence('c', 10) + sentence('d', 30);
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => text.split('. ')[i] + '.');
    expect(texts(chunksOf(text, count, settings))).toEqual([`${a} ${b}`, `${b} ${c}`, d]);
  });

  test('shares nothing if the next sentence leaves no room for an overlap', () => {
    const text = sentence('a', 26) + sentence('b', 6) + sentence('c', 27);
    const chunks = chunksOf(text, count, settings);
    expect(chunks.map(({ tokens }) => tokens)).toEqual([32, 27]);
    expect(chunks[1].text.startsWith('c')).toBe(true);
  });

  test('shares fewer sentences than a chunk has, so that every chunk brings something new', () => {
    const text = sentence('a', 4) + sentence('b', 30);
    expect(chunksOf(text, count, { tokens: LIMIT, overlap: 31 }).map(({ tokens }) => tokens)).toEqual([
      4, 30,
    ]);
  });

  test('ends sentences at marks before space, with quotes and brackets, and at empty lines', () => {
    const parts = ['One (two.) ', 'Three!” ', 'four?  ', 'five\n \n', 'six 1.5 e.g.x'];
    // As many tokens as the limit in every sentence, so that each is a chunk.
    const first = new Set(['One', 'Three!”', 'four?', 'five', 'six']);
    const chunks = chunksOf(parts.join(''), (run) => (first.has(run) ? LIMIT : 0), settings);
    expect(texts(chunks)).toEqual(parts.map((part) => part.trim()));
  });

  test('divides a sentence over the limit before words, each part as full as it can be', () => {
    const chunks = chunksOf(sentence('a', 70).trim(), count, { tokens: LIMIT, overlap: 0 });
    expect(chunks.map(({ tokens }) => tokens)).toEqual([32, 32, 6]);
    expect(chunks[1].text.startsWith('a a')).toBe(true);
  });

  test('divides a run without space that is over the limit every so many characters as the limit has tokens', () => {
    const run = 'x'.repeat(LIMIT * 4 + 3);
    const chunks = chunksOf(`see ${run} end`, count, { tokens: LIMIT, overlap: 0 });
    // 1 token for “see”, 8 for each 32 characters, 1 for each of the rest.
    expect(chunks.map(({ tokens }) => tokens)).toEqual([1 + 24, 8 + 1 + 1]);
    expect(chunks[0].text).toBe(`see ${'x'.repeat(96)}`);
  });

  test('divides such a run further if its characters have several tokens each, and never inside a character', () => {
    const run = '😀'.repeat(40);
    const chunks = chunksOf(run, (part) => 4 * [...part].length, { tokens: LIMIT, overlap: 0 });
    expect(chunks.every(({ tokens }) => tokens <= LIMIT)).toBe(true);
    expect(texts(chunks).join('')).toBe(run);
    expect(texts(chunks).every((text) => /^(?:😀)+$/u.test(text))).toBe(true);
  });

  test('counts places in UTF-16 code units', () => {
    const text = '😀😀. Second one.';
    const [chunk] = chunksOf(`\u00a0\r\n ${text}\r\n\r\n`, count, settings);
    expect(chunk).toEqual({ start: 4, end: 4 + text.length, tokens: 4, text });
  });

  test('gives none for a text without characters, and keeps both line ends as they are', () => {
    expect(chunksOf('', count)).toEqual([]);
    expect(chunksOf(' \r\n\t\u00a0\n\n', count)).toEqual([]);
    expect(texts(chunksOf('a\r\nb\r\n\r\nc\n', count))).toEqual(['a\r\nb\r\n\r\nc']);
  });

  test('refuses limits that cannot be', async () => {
    for (const [tokens, overlap] of [
      [MIN_CHUNK_TOKENS - 1, 0],
      [40.5, 4],
      [40, 40],
      [40, -1],
      [NaN, 4],
    ])
      await graftError(() => chunksOf('a', count, { tokens, overlap }), 'chunk-settings');
  });

  test('holds all that is not space, in order and never above the limit, for any text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '. ',
        '!\n',
        '?”\u00a0',
        '\n\n',
        '\r\n\r\n',
        '\t',
        '....',
        '\ud83d',
        '\udc00',
        '😀',
        'ﷺ',
        '\u0000',
      ),
      fc.string({ minLength: 100, maxLength: 400 }),
      fc.nat(300).map((n) => 'y'.repeat(n)),
    );
    const text = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''));
    const limits = fc.record({
      tokens: fc.integer({ min: 32, max: 80 }),
      overlap: fc.integer({ min: 0, max: 31 }),
    });
    fc.assert(
      fc.property(text, limits, (whole, chosen) => {
        const chunks = chunksOf(whole, count, chosen);
        let held = 0;
        let before = { start: -1, end: 0 };
        for (const chunk of chunks) {
          expect(chunk.tokens).toBeLessThanOrEqual(chosen.tokens);
          expect(whole.slice(chunk.start, chunk.end)).toBe(chunk.text);
          expect(chunk.start).toBeGreaterThan(before.start);
          expect(chunk.end).toBeGreaterThan(before.end);
          expect(whole.slice(held, Math.max(held, chunk.start))).toMatch(/^[ \t\r\n\u00a0]*$/);
          held = chunk.end;
          before = chunk;
        }
        expect(whole.slice(held)).toMatch(/^[ \t\r\n\u00a0]*$/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('tokenCounter', () => {
  test('asks the tokenizer once for each short run, and each time for a long one', () => {
    const asked: string[] = [];
    const counter = tokenCounter({
      encode: (text) => {
        asked.push(text);
        return [...text].map(() => 1);
      },
    });
    const long = 'z'.repeat(100);
    expect(['ab', 'ab', long, long].map(counter)).toEqual([2, 2, 100, 100]);
    expect(asked).toEqual(['ab', long, long]);
  });
});
