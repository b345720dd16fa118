/** Which regular expressions of a tokenizer's file are computed: all that the families have, and none that could run for ever. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPattern } from '../../../src/text/patterns.ts';
import { graftError } from '../expect-graft-error.ts';

describe('regular expressions', () => {
  it.each([
    ['GPT-2', "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
    [
      'Llama 3',
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ],
    [
      'GPT-4o',
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ],
    [
      'DeepSeek',
      '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+',
    ],
    ['BLOOM', ' ?[^(\\s|[.,!?…。，、।۔،])]+'],
    ['Oniguruma classes', '[\\p{L}&&[^a-z]]+(?<!x)[[:punct:]]'],
  ])('lets %s through', (_, pattern) => {
    expect(() => checkPattern(pattern, 'x')).not.toThrow();
  });

  it.each([
    '',
    '(a+)+',
    '(a*)*b',
    '(?:a|aa)+',
    '((a+)b?)*',
    '([a-z]+)*$',
    '(a?){50}',
    '(a{1,3}){9,}',
    '(?:(?:a|b))+',
    '(a)\\1',
    'a*a*a*a*a*b',
    '(a*a*)(a*a*)a*',
    'a{2000}',
    '(',
    ')',
    'x'.repeat(5000),
  ])('refuses %j', async (pattern) => {
    await graftError(() => checkPattern(pattern, 'x'), 'tokenizer-pattern');
  });

  it('what it lets through is not exponential', () => {
    // Short patterns of repeats, groups and alternatives over two letters, on the texts that make such patterns explode.
    const atom = fc.constantFrom('a', 'b', '[ab]', '.', '(?:a)', '(?:ab)');
    const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
      pattern: fc.array(tie('piece'), { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')),
      piece: fc.oneof(
        { maxDepth: 3 },
        fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{1,3}', '{2,}')).map(([a, q]) => a + q),
        fc
          .tuple(tie('pattern'), fc.constantFrom('', '|a', '|ab'), fc.constantFrom('', '*', '+', '?', '{2}'))
          .map(([p, alternative, q]) => `(?:${p}${alternative})${q}`),
      ),
    }));
    let passed = 0;
    fc.assert(
      fc.property(pattern, (source) => {
        try {
          checkPattern(source, 'x');
        } catch {
          return; // refused: not run
        }
        passed++;
        const regex = new RegExp(`${source}$`, 'gu');
        for (const text of ['a'.repeat(48) + 'c', 'ab'.repeat(24) + 'c']) {
          const started = performance.now();
          text.replace(regex, '');
          // 48⁵ steps would be two seconds; 2⁴⁸ never end.
          expect(performance.now() - started, source).toBeLessThan(10_000);
        }
      }),
      { numRuns: 1000 },
    );
    expect(passed).toBeGreaterThan(100);
  });
});
