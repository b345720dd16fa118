/** The shown text of each token: separate even for a byte, and readable if a character takes several. */
import { describe, expect, test } from 'vitest';
import { partInWords, drawn } from '../../../src/app/use/candidates.ts';
import { createStreamDecoder } from '../../../src/text/stream-decoder.ts';
import { textsOfTokens, type TokenText } from '../../../src/text/token-text.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { sprigFolder } from '../../engine/sprig.ts';

/** A vocabulary of bytes and a few words, with the rule for bytes that sentencepiece has: a run of them is text where it is UTF-8. */
function byteTokenizer(words: readonly string[]): Pick<Tokenizer, 'decode' | 'streamDecoder' | 'tokenOf'> {
  const nameOf = (id: number): string =>
    id < 256 ? `<0x${id.toString(16).toUpperCase().padStart(2, '0')}>` : words[id - 256];
  const decode = (ids: readonly number[]): string => {
    let text = '';
    for (let at = 0; at < ids.length;) {
      let end = at;
      while (end < ids.length && ids[end] < 256) end++;
      if (end === at) text += words[ids[at++] - 256];
      else {
        const run = ids.slice(at, end);
        try {
          text += new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(run));
        } catch {
          text += '\uFFFD'.repeat(run.length);
        }
        at = end;
      }
    }
    return text;
  };
  return {
    decode,
    tokenOf: nameOf,
    streamDecoder: ({ context } = {}) =>
      createStreamDecoder({ decode, cleansUp: false, isByte: (id) => id < 256, context }),
  };
}
const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
const texts = (ids: readonly number[], tokenizer: object): TokenText[] =>
  textsOfTokens(ids, tokenizer as Tokenizer, {});

describe('bytes', () => {
  const tokenizer = byteTokenizer(['a', ' word']);
  const [A, WORD] = [256, 257];

  test('are separate from the token after them', () => {
    expect(texts([A, 10, WORD, 10], tokenizer)).toEqual([
      { text: 'a' },
      { text: '\n' },
      { text: ' word' },
      { text: '\n' },
    ]);
  });

  test('say which parts of one character they are, and the first one has the character', () => {
    const shown = texts([...bytes('né🙂'), WORD], tokenizer);
    expect(shown.map(({ text }) => text)).toEqual(['n', 'é', '', '🙂', '', '', '', ' word']);
    expect(shown[2].part).toEqual({ text: 'é', number: 2, count: 2 });
    expect(shown.slice(3, 7).map(({ part }) => part?.number)).toEqual([1, 2, 3, 4]);
    expect(shown.map(drawn).join('')).toBe('né·🙂···␣word');
    expect(partInWords(shown[4])).toBe('part 2 of 4 of “🙂”');
  });

  test('are one replacement character each if they are not text', () => {
    expect(texts([0xc3, 0xc3, A], tokenizer)).toEqual([
      { text: '\uFFFD' },
      { text: '\uFFFD' },
      { text: 'a' },
    ]);
    expect(texts([A, 0xc3], tokenizer).map(({ text }) => text)).toEqual(['a', '\uFFFD']);
  });
});

test('pieces of a character of a byte-level vocabulary, and text all in all', async () => {
  const tokenizer = await loadTokenizer(sprigFolder());
  for (const text of ['Say 🙂 and é, 漢字.\n', '🙂', 'plain words', '']) {
    const ids = tokenizer.encode(text);
    const shown = texts(ids, tokenizer);
    expect(shown).toHaveLength(ids.length);
    expect(shown.map((token) => token.text).join('')).toBe(tokenizer.decode(ids));
    for (const token of shown) expect(token.text !== '' || token.part !== undefined).toBe(true);
  }
  const face = texts(tokenizer.encode('🙂'), tokenizer);
  expect(face.length).toBeGreaterThan(1);
  expect(face[0]).toEqual({ text: '🙂', part: { text: '🙂', number: 1, count: face.length } });
});
