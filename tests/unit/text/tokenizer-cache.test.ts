import { expect, test } from 'vitest';
import { WordCache } from '../../../src/text/tokenizer-cache.ts';

test('words that are used stay, others go, and it never grows beyond two generations', () => {
  const cache = new WordCache<readonly string[]>();
  expect(cache.get('word')).toBeUndefined();
  cache.put('word', ['wo', 'rd']);
  cache.put('once', ['once']);
  for (let i = 0; i < 100_000; i++) {
    cache.put(`w${i}`, [`${i}`]);
    if (i % 1000 === 0) expect(cache.get('word')).toEqual(['wo', 'rd']);
  }
  expect(cache.get('once')).toBeUndefined();
  expect(cache.get('w99999')).toEqual(['99999']);
  cache.clear();
  expect(cache.get('word')).toBeUndefined();
});
