/** Tokenizers made from the metadata of GGUF files, against the tokenizer.json of the same models. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelOf } from '../../../src/cli/files.ts';
import { promptOfMessages, promptOfText } from '../../../src/evaluate/answer.ts';
import { renderExample } from '../../../src/text/loss-mask.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { modelFolder } from '../../../src/weights/folder.ts';
import { TOKEN_TYPE } from '../../../src/weights/gguf/vocabulary.ts';
import { describeShared, sharedFolder, sharedJson, sharedPath } from '../../shared.ts';
import { describeSmolLM2, SMOLLM2_GGUF } from '../../smollm2.ts';
import { ggufFile } from '../weights/gguf-file.ts';
import { expectTexts, type TokenizerReference } from './reference.ts';

/** Texts in which a tokenizer has something to decide. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        "don't",
        '1234',
        '<|im_end|>',
        '<s>',
        '▁',
        '🙂',
        'the',
        ' the',
        '\uFEFF',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

function gives(name: string, gguf: string): void {
  const both = async (): Promise<[ours: Tokenizer, theirs: Tokenizer]> => [
    await loadTokenizer(await modelOf(gguf)),
    await loadTokenizer(sharedFolder('models', name)),
  ];

  it('the ids and texts of the reference', async () => {
    const [ours] = await both();
    expectTexts(ours, sharedJson<TokenizerReference>('reference', 'tokenizers', `${name}.json`));
  });

  it('the ids of tokenizer.json for any text, and the texts for any ids', async () => {
    const [ours, theirs] = await both();
    fc.assert(
      fc.property(text, fc.array(fc.nat(theirs.vocabSize - 1), { maxLength: 20 }), (text, ids) => {
        expect(ours.encode(text)).toEqual(theirs.encode(text));
        expect(ours.decode(ids)).toBe(theirs.decode(ids));
      }),
      { numRuns: 300 },
    );
  });

  it('the special tokens and the chat template', async () => {
    const [ours, theirs] = await both();
    expect(ours.vocabSize).toBe(theirs.vocabSize);
    expect(ours.specialTokens).toEqual(theirs.specialTokens);
    expect([ours.eosId, ours.padId, ours.startId]).toEqual([theirs.eosId, theirs.padId, theirs.startId]);
    // And where llama.cpp stops in addition.
    const end = ours.idOf('<|endoftext|>');
    expect(ours.eosIds).toEqual(end === undefined ? theirs.eosIds : [...theirs.eosIds, end]);
    expect(ours.chatTemplate).toBe(theirs.chatTemplate);
  });
}

describeShared('the metadata of stories260K, a sentencepiece model, give', () => {
  gives('stories260K', sharedPath('reference', 'gguf', 'stories260K.Q4_0.gguf'));
});

describeSmolLM2('the metadata of SmolLM2, a byte-level model, give', () => {
  gives('SmolLM2-135M-Instruct', SMOLLM2_GGUF);
});

/** A byte-level tokenizer of these tokens, with their types. */
async function made(
  tokens: readonly (readonly [string, number])[],
  more: Parameters<typeof ggufFile>[0]['metadata'] = {},
): Promise<Tokenizer> {
  const bytes = ggufFile({
    metadata: {
      'general.architecture': { text: 'llama' },
      'tokenizer.ggml.model': { text: 'gpt2' },
      'tokenizer.ggml.pre': { text: 'gpt-2' },
      'tokenizer.ggml.tokens': { texts: tokens.map(([token]) => token) },
      'tokenizer.ggml.token_type': { ints: tokens.map(([, type]) => type) },
      'tokenizer.ggml.merges': { texts: [] },
      'tokenizer.ggml.bos_token_id': { u32: 0 },
      'tokenizer.ggml.eos_token_id': { u32: 1 },
      ...more,
    },
  });
  return loadTokenizer(await modelFolder(memoryFiles({ 'm.gguf': bytes })));
}

const { NORMAL, CONTROL, USER_DEFINED } = TOKEN_TYPE;

describe('the end of a turn in a GGUF file', () => {
  it('is known by its text if no key names it', async () => {
    const tokenizer = await made([
      ['<s>', CONTROL],
      ['</s>', CONTROL],
      ['<end_of_turn>', CONTROL],
      ['<|end|>', USER_DEFINED],
      // As words of Qwen's vocabulary are.
      ['<|im_end|>', NORMAL],
    ]);
    expect(tokenizer.eosIds).toEqual([1, 3, 2]);
    expect(tokenizer.isSpecial(3)).toBe(true);
    expect(tokenizer.isSpecial(4)).toBe(false);
  });

  it.each([
    ['Phi-3-mini', true],
    ['Phi 3.5 Mini Instruct', true],
    ['Phi 4 Mini', false],
  ])('takes the white space behind it in %s: %s', async (name, takes) => {
    const tokenizer = await made(
      [
        ['<s>', CONTROL],
        ['</s>', CONTROL],
        ['<|end|>', CONTROL],
        ['Ċ', NORMAL],
        ['a', NORMAL],
      ],
      { 'general.name': { text: name } },
    );
    expect(tokenizer.encode('a<|end|>\na')).toEqual(takes ? [4, 2, 4] : [4, 2, 3, 4]);
    expect(tokenizer.encode('<s>\na')).toEqual([0, 3, 4]);
  });
});

describe('the start token of a GGUF file', () => {
  const load = (addsBos?: boolean): Promise<Tokenizer> =>
    made(
      [
        ['<s>', CONTROL],
        ['</s>', CONTROL],
        ['a', NORMAL],
        ['b', NORMAL],
      ],
      {
        'tokenizer.chat_template': {
          text: '{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}',
        },
        ...(addsBos === undefined ? {} : { 'tokenizer.ggml.add_bos_token': { flag: addsBos } }),
      },
    );

  it.each([undefined, false, true])(
    'is written by a template, whatever is said of plain texts: %s',
    async (adds) => {
      const tokenizer = await load(adds);
      expect(tokenizer.bosToken).toBe('<s>');
      expect(promptOfMessages(tokenizer, [{ role: 'user', content: 'ab' }])).toEqual([0, 2, 3]);
      expect(promptOfText(tokenizer, 'ab')).toEqual(adds ? [0, 2, 3] : [2, 3]);
      expect(renderExample({ kind: 'text', text: 'ab' }, tokenizer).ids).toEqual(
        adds ? [0, 2, 3, 1] : [2, 3, 1],
      );
      expect(tokenizer.encode('ab', { addSpecialTokens: true })).toEqual(adds ? [0, 2, 3] : [2, 3]);
    },
  );
});
