/** The most tokens of a text, against those that the tokenizer makes of it. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';

const SPRIG = 'public/models/sprig';
const LETTERS = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const patternOf = (digits: string): string => `(?i:'s|'t|'re|'ve|'m|'ll|'d)|${LETTERS}|${digits}|${REST}`;
const split = (Regex: string): object => ({
  type: 'Split',
  pattern: { Regex },
  behavior: 'Isolated',
  invert: false,
});
const BYTES = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

let plain: Record<string, unknown>;
beforeAll(async () => {
  const file = await folder(SPRIG).open('tokenizer.json');
  plain = JSON.parse(new TextDecoder().decode(await file!.read(0, file!.size))) as Record<string, unknown>;
});

/** The tokenizer of the bundled model with other steps or added tokens. */
const changed = (change: Record<string, unknown>): Promise<Tokenizer> =>
  loadTokenizer(
    memoryFiles(
      { 'tokenizer.json': new TextEncoder().encode(JSON.stringify({ ...plain, ...change })) },
      'model',
    ),
  );
const steps = (...pretokenizers: object[]): Record<string, unknown> => ({
  pre_tokenizer: { type: 'Sequence', pretokenizers: [...pretokenizers, BYTES] },
});
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Words as people write them, and what may stand between and within them. */
const text = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(' the', ' garden', ' Sprig', ' x', ' antidisestablishment', "'s"),
      },
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        '\t',
        '.',
        ', ',
        '-',
        '1',
        ' 42',
        'é',
        ' naïve',
        '🙂',
        '\u0085',
        '\x1c',
      ),
      fc.constantFrom('<|im_end|>', ' <|im_start|>user', '\ufeff', '\u00a0', 'don', ' ﬁ', 'ſ'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 24 },
  )
  .map((parts) => parts.join(''));

describe.each([
  ['GPT-2', {}],
  ['Llama 3', steps(split(patternOf('\\p{N}{1,3}')))],
  ['Qwen 2', steps(split(patternOf('\\p{N}')))],
])('the most tokens of a text with the pattern of %s', (_, change) => {
  test('are as many as there are or more, wherever it stands and whether its ends are kept', async () => {
    const { mostTokens, encode } = bound(await changed(change));
    fc.assert(
      fc.property(text, text, text, (before, middle, after) => {
        const around = bytesOf(before) + bytesOf(after);
        const most = around + mostTokens(middle);
        for (const kept of [middle, middle.trim(), middle.trimEnd()])
          expect(encode(before + kept + after).length).toBeLessThanOrEqual(most);
        // Counting may stop at any number that is enough, and not before it.
        const exact = mostTokens(middle);
        for (const enough of [0, exact - 1, exact + 2, bytesOf(middle)]) {
          const counted = mostTokens(middle, enough);
          expect(counted).toBeGreaterThanOrEqual(exact);
          expect(counted > enough).toBe(exact > enough);
        }
      }),
      // Letters that follow a word once the space after it is dropped make other tokens of it.
      { numRuns: 2000, examples: [['', '. pumpkin ', 't']] },
    );
  });

  test('are far fewer than the bytes of a sentence', async () => {
    const { mostTokens, encode } = bound(await changed(change));
    const sentence =
      'The captain of the old ship said that the sea was calm, and that the wind would come. '.repeat(9);
    expect(mostTokens(sentence)).toBeLessThan(1.3 * encode(sentence).length + 10);
    expect(mostTokens(sentence)).toBeLessThan(0.6 * sentence.length);
    // Again, with every word known.
    expect(mostTokens(sentence)).toBe(mostTokens(sentence));
  });
});

function bound(tokenizer: Tokenizer): Required<Pick<Tokenizer, 'encode' | 'mostTokens'>> & {
  mostTokens: (text: string) => number;
} {
  const { mostTokens } = tokenizer;
  if (!mostTokens) throw new Error('this tokenizer has no bound');
  return { mostTokens, encode: (given) => tokenizer.encode(given) };
}

test('an added token is apart unless another one can take its first character', async () => {
  const marks = ['<|im_start|>', '<|im_end|>', '<|pad|>'];
  const apart = async (...others: object[]): Promise<readonly string[] | undefined> =>
    (await changed({ added_tokens: [...marks.map(added), ...others] })).apartTokens;
  expect(await apart()).toEqual(marks);
  expect(await apart(added('#<|'))).toEqual(['#<|']);
  expect(await apart(added('#'), added('|'))).toEqual([...marks, '#']);
  expect(await apart({ ...added('#'), single_word: true })).toEqual(marks);
  expect((await changed({ normalizer: { type: 'NFC' } })).apartTokens).toEqual([]);
});

test.each([
  ['another pattern', steps(split('[a-z]+ ?'))],
  ['no pattern', steps()],
  ['a normalizer', { normalizer: { type: 'Lowercase' } }],
  ['an added token that starts with a letter', { added_tokens: [added('garden')] }],
  ['an added token with a space', { added_tokens: [added('<a b>')] }],
])('a tokenizer with %s has no bound but the bytes', async (_, change) => {
  expect((await changed(change)).mostTokens).toBeUndefined();
});

function added(content: string): object {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return { id: 0, content, ...flags };
}
