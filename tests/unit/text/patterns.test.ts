/** Which regular expressions of a tokenizer's file are run: all of the families', and none that could run forever. */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { watchPatterns } from '../../../src/text/pattern-watch.ts';
import { needsWatch } from '../../../src/text/patterns.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

/** A tokenizer of letters with these steps. */
const file = (steps: object): object => ({
  added_tokens: [],
  post_processor: null,
  decoder: null,
  normalizer: null,
  pre_tokenizer: null,
  model: { type: 'BPE', vocab: { a: 0, b: 1, '!': 2, ' ': 3, x: 4, $: 5, '&': 6 }, merges: [] },
  ...steps,
});

const load = (steps: object): Promise<Tokenizer> =>
  loadTokenizer(memoryFiles({ 'tokenizer.json': JSON.stringify(file(steps)) }));

const splitBy = (Regex: string, behavior = 'Isolated', invert = false): object => ({
  type: 'Split',
  pattern: { Regex },
  behavior,
  invert,
});

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
  ])('lets %s through', async (_, pattern) => {
    await load({ pre_tokenizer: splitBy(pattern) });
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
    '(a*a*)(a*a*)a*b',
    'a{2000}',
    '(',
    ')',
    'x'.repeat(5000),
    'a?'.repeat(28) + 'a'.repeat(28) + '!',
    '(?:a|aa)'.repeat(28) + '!',
    'a{0,3}'.repeat(14) + '!',
    // Characters that Oniguruma has in a class and JavaScript has not, and vice versa.
    `[[]]${'a?'.repeat(28)}${'a'.repeat(28)}!`,
    `[]]${'a?'.repeat(28)}${'a'.repeat(28)}!`,
    'a*a*!',
    'x*(?=a*!)y',
    '(?:a(?=b*!))*a*!',
    '(?:'.repeat(2000) + 'a' + ')'.repeat(2000),
  ])('refuses %j wherever it stands', async (pattern) => {
    const replace = { type: 'Replace', pattern: { Regex: pattern }, content: 'b' };
    const places = [{ pre_tokenizer: splitBy(pattern) }, { normalizer: replace }, { decoder: replace }];
    for (const steps of places) expect(await resultOrGraftError(() => load(steps))).toBe('error');
  });

  it.each([
    ['a+b?', false],
    [' ?[^ ]+| +', false],
    ['(?:ab)+|\\p{N}{1,3}', false],
    ['\\s+(?!\\S)|\\s+', true],
    ['[ab]*[bc]+(?:x|y)?', true],
    ['a(?=b*!)', true],
    ['x(?:ab*!)?', true],
  ])('%j is watched: %s', (source, watched) => {
    expect(needsWatch(source, 'x')).toBe(watched);
  });

  it('accepted patterns are not exponential', () => {
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
          needsWatch(`${source}!`, 'x');
        } catch {
          return; // refused: not run
        }
        passed++;
        const sticky = new RegExp(`${source}!`, 'yu');
        for (const text of ['a'.repeat(2000) + 'c', 'ab'.repeat(1000) + 'c']) {
          sticky.lastIndex = 0;
          // A thousand times 2,000 steps are milliseconds; 2,000² times as many are longer than the test may take.
          sticky.test(text);
        }
      }),
      { numRuns: 1000 },
    );
    expect(passed).toBeGreaterThan(100);
  });
});

describe('patterns that are watched', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('split and replace as the library does', () => {
    const pieces = fc.constantFrom('a', 'b', ' ', '  ', 'é', '😀', '\n', 'x');
    const text = fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join(''));
    const patterns = ['\\s+(?!\\S)', '[a\\s]*[b😀]+', 'b(?=[ab]*x)', '[ab]*(?=x)', '[^a]*a'];
    fc.assert(
      fc.property(
        text,
        fc.constantFrom(...patterns),
        fc.constantFrom('Isolated', 'Removed'),
        fc.boolean(),
        (given, Regex, behavior, invert) => {
          const json = file({
            normalizer: { type: 'Replace', pattern: { Regex }, content: '-' },
            pre_tokenizer: splitBy(Regex, behavior, invert),
          });
          const [library, watched] = [new Library(json, {}), new Library(json, {})];
          watchPatterns(watched, 'x');
          const parts = (of: Library): unknown => of.pre_tokenizer?.pre_tokenize(given, { section_index: 0 });
          expect(parts(watched)).toEqual(parts(library));
          expect(watched.normalizer?.normalize(given)).toBe(library.normalizer?.normalize(given));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('are stopped if their attempts take too long, but not because the machine slept', async () => {
    let clock = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => clock);
    const tokenizer = await load({ pre_tokenizer: splitBy('a*!') });
    clock = 3_600_000;
    expect(tokenizer.encode('aaaa')).toEqual([0, 0, 0, 0]);
    // A clock that advances by 400 ms at every check.
    vi.spyOn(performance, 'now').mockImplementation(() => (clock += 400));
    const error = await graftError(() => tokenizer.encode('a'.repeat(2000)), 'tokenizer-pattern');
    expect(error.what).toContain('tokenizer.json: pre_tokenizer was stopped');
  });

  it("do not touch steps with the library's own pattern", async () => {
    const tokenizer = await load({ pre_tokenizer: { type: 'BertPreTokenizer' } });
    expect(tokenizer.encode('ab !')).toEqual([0, 1, 2]);
  });

  it('replace their matches by the literal content', async () => {
    const replace = { type: 'Replace', pattern: { Regex: 'a' }, content: '$&' };
    const tokenizer = await load({ normalizer: replace });
    expect(tokenizer.encode('ab')).toEqual([5, 6, 1]);
  });
});
