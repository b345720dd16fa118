import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { graftError } from '../expect-graft-error.ts';

/** Made by tests/fixtures/splits.py. */
const { texts, vocab, merges, cases } = JSON.parse(
  readFileSync(new URL('../../fixtures/splits.json', import.meta.url), 'utf8'),
) as {
  texts: string[];
  vocab: Record<string, number>;
  merges: [string, string][];
  cases: { name: string; step: object; ids: number[][] }[];
};

const load = (step: object): Promise<Tokenizer> => {
  const file = { model: { type: 'BPE', vocab, merges }, pre_tokenizer: step, added_tokens: [] };
  return loadTokenizer(memoryFiles({ 'tokenizer.json': JSON.stringify(file) }));
};

describe('texts are split as the reference implementation splits them', () => {
  it.each(cases)('splits at $name', async ({ step, ids }) => {
    const tokenizer = await load(step);
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(ids);
  });

  it.each([
    { pattern: { String: ' ' }, behavior: 'MergedWithNext', invert: false },
    { pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: true },
    { pattern: { String: '  ' }, behavior: 'MergedWithPrevious', invert: false },
    { pattern: { Regex: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    { pattern: { Regex: ' ' }, behavior: 'Contiguous', invert: false },
  ])('refuses a split that it does not have: $behavior', async (split) => {
    await graftError(() => load({ type: 'Split', ...split }), 'tokenizer-unsupported');
  });
});
