/** Numbers and words as people read them. */
import { expect, test } from 'vitest';
import { fixed, threeDigits, withArticle } from '../../src/numbers.ts';

test.each([
  [-9.36, '−9.36', '−9.36'],
  [-0.004, '0.00', '−0.004'],
  [-0.0001, '0.00', '0'],
  [-123.4, '−123.40', '−123'],
  [0.5, '0.50', '0.500'],
])('%d has a minus sign, and no minus before 0', (value, two, three) => {
  expect(fixed(value, 2)).toBe(two);
  expect(threeDigits(value)).toBe(three);
});

test('a word has the article of its first letter', () => {
  expect(['olmoe', 'IA3', 'LoRA', 'llama'].map(withArticle)).toEqual([
    ...['an olmoe', 'an IA3', 'a LoRA', 'a llama'],
  ]);
});
