import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Bm25, bm25Words } from '../../../src/retrieval/bm25.ts';
import { dotProducts, searchVectors } from '../../../src/retrieval/cosine.ts';
import { bestRanked, fuse } from '../../../src/retrieval/ranking.ts';
import { ChunkSearch, inMemory } from '../../../src/retrieval/search.ts';

const chunksIn = (ranking: readonly { readonly chunk: number }[]): number[] =>
  ranking.map(({ chunk }) => chunk);

describe('bestOf', () => {
  test('puts the earlier of two equal scores first, also at the end of a full list', () => {
    expect(chunksIn(bestRanked(Float64Array.of(1, 3, 2, 3, 2, 2), 4))).toEqual([1, 3, 2, 4]);
  });

  test('ranks neither NaN nor what is not allowed', () => {
    expect(chunksIn(bestRanked(Float64Array.of(NaN, 1, -2, 5), 4, (chunk) => chunk !== 3))).toEqual([1, 2]);
  });

  test('gives what sorting all scores gives', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 3 })), fc.nat(12), (scores, most) => {
        const sorted = scores
          .map((score, chunk) => ({ chunk, score }))
          .sort((a, b) => b.score - a.score || a.chunk - b.chunk);
        expect(bestRanked(Float64Array.from(scores), most)).toEqual(sorted.slice(0, most));
      }),
    );
  });
});

describe('searchVectors', () => {
  test('ranks by the dot product, for sizes that are no multiple of four as well', () => {
    const rows = Float32Array.of(1, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3);
    const question = Float32Array.of(1, 0, 0, 0, 1);
    expect([...dotProducts(rows, question)]).toEqual([3, 0, 3]);
    expect(chunksIn(searchVectors(rows, question, 2))).toEqual([0, 2]);
  });
});

describe('BM25', () => {
  // Three chunks of 2, 4 and 3 words: N = 3, average 3.
  const texts = ['red apple', 'red red pear tree', 'green pear 2'];
  let bm25: Bm25;
  beforeAll(async () => {
    bm25 = await Bm25.of(texts);
  });

  test('takes letters and digits in a row as words, in lower case', () => {
    expect(bm25Words("Don't ÄPFEL—x2 été 東京")).toEqual(['don', 't', 'äpfel', 'x2', 'été', '東京']);
  });

  test('has the scores that the formula gives by hand', () => {
    const idfOfTwo = Math.log(1 + 1.5 / 2.5);
    const first = (idfOfTwo * 1 * 2.2) / (1 + 1.2 * (0.25 + (0.75 * 2) / 3));
    const second = (idfOfTwo * 2 * 2.2) / (2 + 1.2 * (0.25 + (0.75 * 4) / 3));
    const found = bm25.search('RED!', 10);
    expect(chunksIn(found)).toEqual([1, 0]);
    expect(found[0].score).toBeCloseTo(second, 12);
    expect(found[1].score).toBeCloseTo(first, 12);
    expect(bm25.idf('nowhere')).toBeCloseTo(Math.log(1 + 3.5 / 0.5), 12);
  });

  test('counts a word as often as the question has it, and ranks no chunk without any', () => {
    const [once] = bm25.search('green', 10);
    const [twice, ...rest] = bm25.search('green green nowhere', 10);
    expect(twice.score).toBeCloseTo(2 * once.score, 12);
    expect(rest).toEqual([]);
  });

  test('finds words that objects have as properties', async () => {
    const own = await Bm25.of(['constructor', 'proto x']);
    expect(chunksIn(own.search('constructor toString', 5))).toEqual([0]);
    expect((await Bm25.of([])).search('a', 5)).toEqual([]);
  });

  test('tells how far it is with many chunks, and may be ended there', async () => {
    const many = Array.from({ length: 600 }, (_, chunk) => `word${chunk}`);
    const far: string[] = [];
    const whole = await Bm25.of(many, (done, total) => void far.push(`${done} of ${total}`));
    expect(far).toEqual(['256 of 600', '512 of 600']);
    expect(chunksIn(whole.search('word599 word0', 5))).toEqual([0, 599]);
    const search = new ChunkSearch(many);
    const asked = { method: 'bm25', most: 1 } as const;
    const stop = (): never => {
      throw new Error('stopped');
    };
    await expect(search.search({ text: 'word7' }, { ...asked, between: stop })).rejects.toThrow('stopped');
    expect(chunksIn(await search.search({ text: 'word7' }, asked))).toEqual([7]);
    // Its words are read.
    expect(chunksIn(await search.search({ text: 'word8' }, { ...asked, between: stop }))).toEqual([8]);
  });
});

describe('reciprocal rank fusion', () => {
  const ranked = (...chunks: number[]): { chunk: number; score: number }[] =>
    chunks.map((chunk) => ({ chunk, score: 0 }));

  test('sums 1 / (60 + rank) over both lists, and puts the earlier chunk first at a tie', () => {
    const fused = fuse([ranked(3, 1, 0), ranked(1, 3)], 4, 10);
    expect(chunksIn(fused)).toEqual([1, 3, 0]);
    expect(fused.map(({ score }) => score)).toEqual([1 / 62 + 1 / 61, 1 / 61 + 1 / 62, 1 / 63]);
  });

  test('looks at the first hundred of each list only', () => {
    const long = ranked(...Array.from({ length: 120 }, (_, i) => i));
    expect(fuse([long], 120, 200)).toHaveLength(100);
  });
});

describe('ChunkSearch', () => {
  const texts = ['red apple', 'green pear', 'red pear'];
  const vectors = Float32Array.of(1, 0, 0, 1, 0.6, 0.8);
  const search = new ChunkSearch(texts, inMemory(vectors));
  const question = { text: 'red', vector: Float32Array.of(0, 1) };

  test.each([
    ['cosine', [1, 2, 0]],
    ['bm25', [0, 2]],
    ['rrf', [0, 2, 1]],
  ] as const)('ranks by %s', async (method, expected) => {
    expect(chunksIn(await search.search(question, { method, most: 10 }))).toEqual(expected);
  });

  test.each(['cosine', 'bm25', 'rrf'] as const)('ranks only what is allowed by %s', async (method) => {
    const found = await search.search(question, { method, most: 10, allowed: (chunk) => chunk === 2 });
    expect(chunksIn(found)).toEqual([2]);
  });
});
