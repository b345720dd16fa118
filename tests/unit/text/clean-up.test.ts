import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';

const WORDS = ['[UNK]', 'a', '##a', '!', '=', '.', ',', 'n', "'", 'm', "n't", "'m", 'do', 'not', '##.'];

async function load(model: object, decoder: object | null): Promise<Tokenizer> {
  const file = { model, decoder, pre_tokenizer: { type: 'WhitespaceSplit' }, added_tokens: [] };
  return loadTokenizer(
    memoryFiles({
      'tokenizer.json': JSON.stringify(file),
      'tokenizer_config.json': JSON.stringify({ clean_up_tokenization_spaces: true }),
    }),
  );
}

const vocab = Object.fromEntries(WORDS.map((word, id) => [word, id]));
const wordPiece = { type: 'WordPiece', vocab, unk_token: '[UNK]' };
const decoder = { type: 'WordPiece', prefix: '##', cleanup: false };

describe('clean_up_tokenization_spaces', () => {
  it('is ignored for BPE, as in transformers 5', async () => {
    const spelt = Object.fromEntries([...'abx!=,.Ġ'].map((letter, id) => [letter, id]));
    const tokenizer = await loadTokenizer(
      memoryFiles({
        'tokenizer.json': JSON.stringify({
          model: { type: 'BPE', vocab: spelt, merges: [] },
          pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
          decoder: { type: 'ByteLevel' },
          added_tokens: [],
        }),
        'tokenizer_config.json': JSON.stringify({ clean_up_tokenization_spaces: true }),
      }),
    );
    const text = 'a != b , x .';
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    const stream = tokenizer.streamDecoder();
    const pieces = tokenizer.encode(text).map((id) => stream.push(id));
    expect(pieces.join('')).toBe(text);
    // No space is withheld.
    expect(pieces[1]).toBe(' ');
  });

  it('is done for WordPiece', async () => {
    const tokenizer = await load(wordPiece, decoder);
    expect(tokenizer.decode(tokenizer.encode("a , do n't ! = a ."))).toBe("a, don't! = a.");
  });

  it.each([false, true])('streams as it decodes; cleanup of the decoder: %s', async (cleanup) => {
    const tokenizer = await load(wordPiece, { ...decoder, cleanup });
    fc.assert(
      fc.property(fc.array(fc.nat(WORDS.length - 1), { maxLength: 150 }), (ids) => {
        const stream = tokenizer.streamDecoder();
        expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(tokenizer.decode(ids));
      }),
      { numRuns: 200 },
    );
  });
});
