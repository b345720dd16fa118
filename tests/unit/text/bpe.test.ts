import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memorySource } from '../../../src/weights/bytes.ts';

interface Case {
  readonly name: string;
  readonly file: object;
  readonly texts: readonly (readonly [string, number[]])[];
}

const cases = JSON.parse(
  readFileSync(new URL('../../fixtures/bpe.json', import.meta.url), 'utf8'),
) as readonly Case[];

const load = (file: object): Promise<Tokenizer> =>
  loadTokenizer({
    name: 'model',
    open: async (name) =>
      name === 'tokenizer.json'
        ? memorySource(name, new TextEncoder().encode(JSON.stringify(file)))
        : undefined,
  });

describe('byte-pair encoding', () => {
  it.each(cases)('gives the ids of the crate: $name', async ({ file, texts }) => {
    const tokenizer = await load(file);
    expect(texts).toHaveLength(30);
    for (const [text, ids] of texts) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      // The second time, its words are remembered.
      expect(tokenizer.encode(text), text).toEqual(ids);
    }
  });

  it('merges a long text without a place to cut as it merges it in the order of ranks', async () => {
    const { file } = cases.find(({ name }) => name === 'many merges')!;
    const { vocab, merges } = (file as { model: { vocab: Record<string, number>; merges: string[][] } })
      .model;
    const ranks = new Map(merges.map(([left, right], rank) => [`${left} ${right}`, rank]));
    const text = Array.from({ length: 3000 }, (_, i) => 'abcde'[(i * i + (i >> 3)) % 5]).join('');
    const tokens = [...text];
    for (;;) {
      const all = tokens.slice(1).map((right, at) => ranks.get(`${tokens[at]} ${right}`) ?? Infinity);
      const best = Math.min(...all);
      if (best === Infinity) break;
      const at = all.indexOf(best);
      tokens.splice(at, 2, tokens[at] + tokens[at + 1]);
    }
    expect(tokens.length).toBeLessThan(text.length);
    expect((await load(file)).encode(text)).toEqual(tokens.map((token) => vocab[token]));
  });
});
