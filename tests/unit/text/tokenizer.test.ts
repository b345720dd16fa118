import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memorySource } from '../../../src/weights/bytes.ts';
import { describeShared, sharedFolder, sharedJson } from '../../shared.ts';
import { expectChats, expectTexts, type TokenizerReference } from './reference.ts';

function streamed(tokenizer: Tokenizer, ids: readonly number[], context?: number[]): string[] {
  const stream = tokenizer.streamDecoder({ context });
  return [...ids.map((id) => stream.push(id)), stream.end()];
}

describeShared('tokenizers against the reference', () => {
  describe.each(['SmolLM2-135M-Instruct', 'stories260K'])('%s', (name) => {
    const load = (): Promise<Tokenizer> => loadTokenizer(sharedFolder('models', name));
    const reference = (): TokenizerReference =>
      sharedJson<TokenizerReference>('reference', 'tokenizers', `${name}.json`);

    it('encodes and decodes 41 strings', async () => {
      expectTexts(await load(), reference());
    });

    it('streams what it decodes, and never half a character', async () => {
      const tokenizer = await load();
      for (const { ids, decoded } of reference().texts) {
        const pieces = streamed(tokenizer, ids);
        expect(pieces.join('')).toBe(decoded);
        if (!decoded.includes('\uFFFD')) for (const piece of pieces) expect(piece).not.toContain('\uFFFD');
      }
    });

    it('streams all texts in one, with the window moving', async () => {
      const tokenizer = await load();
      const ids = reference().texts.flatMap((text) => text.ids);
      expect(ids.length).toBeGreaterThan(400);
      expect(streamed(tokenizer, ids).join('')).toBe(tokenizer.decode(ids));
      // From anywhere inside, with what came before as context: the pieces continue the text.
      for (const cut of [1, 7, 60, 333, 400]) {
        const continued = streamed(tokenizer, ids.slice(cut), ids.slice(0, cut)).join('');
        const before = tokenizer.decode(ids.slice(0, cut));
        if (!before.endsWith('\uFFFD')) expect(before + continued).toBe(tokenizer.decode(ids));
      }
    });

    it.each([false, true])('streams any ids as it decodes them; clean-up: %s', async (cleansUp) => {
      const folder = sharedFolder('models', name);
      const config = sharedJson<object>('models', name, 'tokenizer_config.json');
      const tokenizer = await loadTokenizer({
        name,
        open: async (file) =>
          file === 'tokenizer_config.json'
            ? memorySource(
                file,
                new TextEncoder().encode(
                  JSON.stringify({ ...config, clean_up_tokenization_spaces: cleansUp }),
                ),
              )
            : folder.open(file),
      });
      // Single bytes, spaces and what clean-up looks for are where streams go wrong.
      const awkward = [
        ' ',
        '.',
        ' .',
        ' ,',
        "'",
        " '",
        ' n',
        "n't",
        's',
        '🙂',
        '中',
        '\uFFFD',
        '\uFEFF',
      ].flatMap((text) => tokenizer.encode(text));
      const id = fc.oneof(fc.nat(tokenizer.vocabSize - 1), fc.constantFrom(...awkward), fc.nat(300));
      fc.assert(
        fc.property(fc.array(id, { maxLength: 200 }), fc.boolean(), (ids, skipSpecialTokens) => {
          const stream = tokenizer.streamDecoder({ skipSpecialTokens });
          const text = ids.map((each) => stream.push(each)).join('') + stream.end();
          expect(text).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
        }),
        { numRuns: 150 },
      );
    });

    it('renders the chats', async () => {
      expectChats(await load(), reference());
    });
  });

  it('gives the ids of the library, word by word, for any text', async () => {
    // SmolLM2 adds no special tokens: with and without them is the same text by the library's way and by Graft's.
    const smol = await loadTokenizer(sharedFolder('models', 'SmolLM2-135M-Instruct'));
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        '\t',
        '12',
        "'s",
        ' a',
        'word',
        '<|im_start|>',
        '<|im_end|>',
        '\u0085',
        '٣½',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        expect(smol.encode(text)).toEqual(smol.encode(text, { addSpecialTokens: true }));
      }),
      { numRuns: 300 },
    );
  });

  it('knows the special tokens', async () => {
    const smol = await loadTokenizer(sharedFolder('models', 'SmolLM2-135M-Instruct'));
    expect([smol.bosId, smol.eosId, smol.padId, smol.eosIds, smol.vocabSize]).toEqual([1, 2, 2, [2], 49152]);
    expect(smol.isSpecial(2)).toBe(true);
    expect(smol.isSpecial(198)).toBe(false);
    expect(smol.decode([1, 9690, 2], { skipSpecialTokens: true })).toBe(smol.decode([9690]));
    const stories = await loadTokenizer(sharedFolder('models', 'stories260K'));
    expect([stories.bosId, stories.eosId, stories.padId, stories.vocabSize]).toEqual([1, 2, undefined, 512]);
    expect(stories.encode('Once upon a time', { addSpecialTokens: true })).toEqual([1, 403, 407, 261, 378]);
    expect(stories.idOf('<0x0A>')).toBe(13);
    expect(stories.tokenOf(13)).toBe('<0x0A>');
  });

  it('keeps a byte order mark that a byte-fallback model wrote', async () => {
    const stories = await loadTokenizer(sharedFolder('models', 'stories260K'));
    const ids = stories.encode('a\uFEFFb');
    expect(stories.decode(ids)).toBe('a\uFEFFb');
  });

  it('withholds bytes until their run ends, and decodes a damaged run like the reference implementation', async () => {
    const stories = await loadTokenizer(sharedFolder('models', 'stories260K'));
    const bytes = ['F0', '9F', '99', '82'].map((byte) => stories.idOf(`<0x${byte}>`) ?? -1);
    const [a] = stories.encode('a');
    expect(streamed(stories, [a, ...bytes, a])).toEqual(['a', '', '', '', '', '🙂 a', '']);
    expect(streamed(stories, [a, 13])).toEqual(['a', '', '\n']);
    // A run is entirely text, or not at all.
    expect(streamed(stories, [a, 13, ...bytes.slice(0, 2), a])).toEqual([
      'a',
      '',
      '',
      '',
      '\uFFFD\uFFFD\uFFFD a',
      '',
    ]);
    // From tokenizers 0.22: Tokenizer.from_file(…).decode(ids).
    const ids = [390, 133, 50, 208, 415, 399, 248, 34, 91, 451, 186];
    expect(stories.decode(ids)).toBe('nam\uFFFD\uFFFD\uFFFDh very\uFFFD\uFFFD\uFFFDz\uFFFD');
  });

  it('an omitted special token does not separate the bytes around it', async () => {
    const stories = await loadTokenizer(sharedFolder('models', 'stories260K'));
    const stream = stories.streamDecoder({ skipSpecialTokens: true });
    const pieces = [3, 0, 131].map((id) => stream.push(id));
    expect([...pieces, stream.end()]).toEqual(['', '', '', '\uFFFD\uFFFD']);
    expect(stories.decode([3, 0, 131], { skipSpecialTokens: true })).toBe('\uFFFD\uFFFD');
  });

  it('withholds half an emoji of a byte-level tokenizer', async () => {
    const smol = await loadTokenizer(sharedFolder('models', 'SmolLM2-135M-Instruct'));
    const ids = smol.encode('a🙂');
    expect(ids.length).toBeGreaterThan(2);
    expect(streamed(smol, ids)).toEqual(['a', ...new Array<string>(ids.length - 2).fill(''), '🙂', '']);
    expect(streamed(smol, ids.slice(0, -1)).join('')).toBe('a\uFFFD');
  });
});
