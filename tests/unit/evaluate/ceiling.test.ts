/** What the best method without tuning leaves to gain. */
import { expect, test } from 'vitest';
import { ceilingWords } from '../../../src/evaluate/ceiling.ts';
import { proportion } from '../../../src/proportion.ts';

const method = (doing: string, count: number, total: number): Parameters<typeof ceilingWords>[0][number] => ({
  doing,
  exact: proportion(count, total),
});

test('says that nothing is to gain where the best method gets every row', () => {
  expect(
    ceilingWords([
      method('always giving the most frequent answer', 4, 16),
      method('copying the nearest row', 16, 16),
    ]),
  ).toBe('Copying the nearest row already gets 16 of 16: tuning cannot show a gain on these rows.');
});

test('says that a gain may be chance if the best method misses fewer than six rows', () => {
  // The exact two-sided test of 5 rows to 0 has p = 2 · 2⁻⁵ = 0.0625, and of 6 to 0 p = 0.031.
  expect(ceilingWords([method('the base model', 15, 20)])).toMatch(
    /^The base model already gets 15 of 20: .* win the other 5 rows by chance\.$/,
  );
  expect(ceilingWords([method('the base model', 14, 20)])).toBeUndefined();
});

test('says nothing of methods that are bad, or that nobody measured', () => {
  expect(ceilingWords([method('the base model', 1, 4)])).toBeUndefined();
  expect(ceilingWords([method('the base model', 0, 0)])).toBeUndefined();
  expect(ceilingWords([])).toBeUndefined();
});
